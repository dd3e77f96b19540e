import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CreateTableCommand, type CreateTableCommandInput, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { DeclaredTable } from '../template/declared';
import { type Emulator, LOCAL_CREDENTIALS } from './emulator';

/**
 * DynamoDB in memory, with the template's tables. It knows no TTL: nothing expires here. It has a thread of its own:
 * there it answers whatever else this process does, and dies with its open requests, which it would otherwise work on
 * after its database is closed, and throw.
 */
export async function startDynamoDb({
  tables,
  region,
}: {
  tables: DeclaredTable[];
  region: string;
}): Promise<Emulator> {
  const thread = new Worker(join(__dirname, 'dynalite-thread.cjs'), { execArgv: [] });
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
