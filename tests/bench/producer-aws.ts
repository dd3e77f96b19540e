import { startDynamo, startSqs, TABLE } from '../support/emulators';

/** The queues and the table of the producer's benchmark, in a process of their own. Prints their URLs as JSON. */
async function main(): Promise<void> {
  const [sqs, dynamo] = await Promise.all([startSqs(), startDynamo()]);
  process.stdout.write(`${JSON.stringify({ sqs: sqs.url, dynamodb: dynamo.url, table: TABLE })}\n`);
}

void main();
