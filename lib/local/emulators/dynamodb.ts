import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CreateTableCommand, type CreateTableCommandInput, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Emulator, LOCAL_CREDENTIALS } from '../loopback';

/**
 * Starts DynamoDB in memory, with the template's tables. It expires no items. It runs in a thread of its own, so it answers while this process is busy. Stopping the thread also drops the open requests, which would
 * otherwise throw on the closed database.
 */
export async function startDynamoDb({
  tables,
  region,
  port: wanted = 0,
}: {
  /** `create`: the properties of CreateTable. */
  tables: { name: string; create: object }[];
  region: string;
  port?: number;
}): Promise<Emulator> {
  const thread = new Worker(join(__dirname, 'dynalite-thread.cjs'), {
    execArgv: [],
    workerData: { port: wanted },
  });
  const [port] = (await once(thread, 'message')) as [number];
  const url = `http://127.0.0.1:${port}`;
  const client = new DynamoDBClient({ endpoint: url, region, credentials: LOCAL_CREDENTIALS });
  for (const { name, create } of tables)
    await client.send(new CreateTableCommand({ ...create, TableName: name } as CreateTableCommandInput));
  client.destroy();
  return {
    url,
    async close() {
      await thread.terminate();
    },
  };
}
