/**
 * What runs inside an execution environment: loads the function's bundle, then answers one invocation at a time.
 * Plain JavaScript, because node itself loads it and every millisecond counts in a cold start.
 */
const [bundle, exported] = process.argv.slice(2);

// A Ctrl-C in the terminal reaches every process of it: the service itself decides when this one ends.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit());

let handler;
try {
  handler = require(bundle)[exported];
  if (typeof handler !== 'function') throw new Error(`the bundle exports no function ${exported}`);
  process.send({ kind: 'ready' });
} catch (error) {
  console.error(error);
  process.send({ kind: 'init-failed' });
}

process.on('message', async ({ event, context, deadline }) => {
  try {
    const value = await handler(event, {
      ...context,
      callbackWaitsForEmptyEventLoop: true,
      getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    });
    // Lambda's answers are JSON: undefined becomes null, dates become strings.
    process.send({ kind: 'answer', json: JSON.stringify(value) ?? 'null' });
  } catch (error) {
    console.error(error);
    process.send({ kind: 'error' });
  }
});
