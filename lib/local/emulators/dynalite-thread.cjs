/** The DynamoDB emulator in a thread of its own. Plain JavaScript, as every thread's first file here. */
const { parentPort } = require('node:worker_threads');
const dynalite = require('dynalite');

const server = dynalite({ createTableMs: 0 });
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
