/** The DynamoDB emulator in its own thread. It is plain JavaScript, so the thread starts without a compiler. */
const { parentPort } = require('node:worker_threads');
const dynalite = require('dynalite');

const server = dynalite({ createTableMs: 0 });
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
