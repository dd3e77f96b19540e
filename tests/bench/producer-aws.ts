import { startAws, TABLE } from '../support/emulators';

/** The queues and the table of the producer's benchmark, in a process of their own. Prints their URLs as JSON. */
async function main(): Promise<void> {
  const { endpoints } = await startAws({ queues: ['my-feedback.fifo', 'my-analytics.fifo'] });
  process.stdout.write(`${JSON.stringify({ ...endpoints, table: TABLE })}\n`);
}

void main();
