import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { CreateTableCommand, type CreateTableCommandInput, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import type { DeclaredTable } from '../template/declared';
import { type Emulator, LOCAL_CREDENTIALS } from './emulator';

/** DynamoDB in memory, with the template's tables. It knows no TTL: nothing expires here. */
export async function startDynamoDb({
  tables,
  region,
}: {
  tables: DeclaredTable[];
  region: string;
}): Promise<Emulator> {
  const server = dynalite({ createTableMs: 0 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new DynamoDBClient({ endpoint: url, region, credentials: LOCAL_CREDENTIALS });
  for (const { name, create } of tables)
    await client.send(new CreateTableCommand({ ...create, TableName: name } as CreateTableCommandInput));
  client.destroy();
  return {
    url,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
