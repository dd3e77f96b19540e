/** Answers invocations in an execution environment. It is plain JavaScript, so that a cold start stays short. */
const [bundle, exported] = process.argv.slice(2);

// Ctrl-C reaches every process of the terminal, but only the service ends this one.
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
  process.send({ kind: 'error' });
}

process.on('message', async ({ event, context, deadline }) => {
  try {
    const value = await handler(event, {
      ...context,
      callbackWaitsForEmptyEventLoop: true,
      getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    });
    // Lambda's answers are JSON, so undefined becomes null and dates become strings.
    process.send({ kind: 'answer', json: JSON.stringify(value) ?? 'null' });
  } catch (error) {
    console.error(error);
    process.send({ kind: 'error' });
  }
});
