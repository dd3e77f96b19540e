/** The DynamoDB emulator in its own thread. It is plain JavaScript, so the thread starts without a compiler. */
const { parentPort, workerData } = require('node:worker_threads');

const { guarded } = require('./guard.cjs');

const server = guarded(require('dynalite')({ createTableMs: 0 }));
server.listen(workerData.port, '127.0.0.1', () => parentPort.postMessage(server.address().port));
