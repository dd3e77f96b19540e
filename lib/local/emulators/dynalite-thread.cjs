/** The DynamoDB emulator in its own thread. It is plain JavaScript, so the thread starts without a compiler. */
const { parentPort, workerData: port } = require('node:worker_threads');
const dynalite = require('dynalite');

const server = dynalite({ createTableMs: 0 });
server.listen(port, '127.0.0.1', () => parentPort.postMessage(server.address().port));
