/** The DynamoDB emulator in its own thread. It is plain JavaScript, so the thread starts without a compiler. */
const { parentPort, workerData } = require('node:worker_threads');

const { port, ttl } = workerData;

// Dynalite answers that the TTL of every table is disabled.
const action = require.resolve('dynalite/actions/describeTimeToLive');
require(action);
require.cache[action].exports = (store, { TableName }, answer) =>
  store.getTable(TableName, false, (error) => {
    const AttributeName = ttl.get(TableName);
    const shown = AttributeName ? { TimeToLiveStatus: 'ENABLED', AttributeName } : { TimeToLiveStatus: 'DISABLED' };
    answer(error, error ? undefined : { TimeToLiveDescription: shown });
  });

const server = require('dynalite')({ createTableMs: 0 });
server.listen(port, '127.0.0.1', () => parentPort.postMessage(server.address().port));
