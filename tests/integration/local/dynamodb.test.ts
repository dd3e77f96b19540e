import { DescribeTimeToLiveCommand, DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { startDynamoDb } from '../../../lib/local/emulators/dynamodb';
import type { Emulator } from '../../../lib/local/emulators/emulator';
import { against } from '../../support/emulators';

const create = {
  AttributeDefinitions: [{ AttributeName: 'key', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'key', KeyType: 'HASH' }],
  BillingMode: 'PAY_PER_REQUEST',
};

let emulator: Emulator;
let client: DynamoDBClient;
beforeAll(async () => {
  const tables = [
    { name: 'with-ttl', create, ttl: 'expiresAt' },
    { name: 'without-ttl', create },
  ];
  emulator = await startDynamoDb({ tables, region: 'us-east-1' });
  client = new DynamoDBClient(against(emulator.url) as DynamoDBClientConfig);
});
afterAll(async () => {
  client.destroy();
  await emulator.close();
});

const shown = async (TableName: string) =>
  (await client.send(new DescribeTimeToLiveCommand({ TableName }))).TimeToLiveDescription;

test('a table shows the TTL that the template enables', async () => {
  expect(await shown('with-ttl')).toEqual({ TimeToLiveStatus: 'ENABLED', AttributeName: 'expiresAt' });
  expect(await shown('without-ttl')).toEqual({ TimeToLiveStatus: 'DISABLED' });
});

test('a table that does not exist has no TTL to show', async () => {
  await expect(shown('no-table')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});
