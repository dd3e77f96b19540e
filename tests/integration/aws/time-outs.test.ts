import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { realObjects } from '../../../lib/platform/aws/objects';
import { realQueues } from '../../../lib/platform/aws/queues';
import { realTable } from '../../../lib/platform/aws/table';
import { localConfig } from '../../../packages/local/connection';
import { fakeAws } from '../../support/fake-aws';

/** Production's settings with shorter waits. */
function hasty(url: string) {
  const { requestHandler, ...rest } = localConfig(url);
  const waits = { connectionTimeout: 50, requestTimeout: 50, socketTimeout: 50 };
  return { ...rest, maxAttempts: 1, requestHandler: { ...requestHandler, ...waits } };
}

const stored = (url: string) => realObjects({ bucket: 'a-bucket', client: new S3Client(hasty(url)) }).get('key');

test.each([
  [
    'SQS',
    (url: string) => realQueues(new SQSClient({ ...hasty(url), useQueueUrlAsEndpoint: false })).depth('http://q/0/q'),
  ],
  ['DynamoDB', (url: string) => realTable({ table: 'jobs', client: new DynamoDBClient(hasty(url)) }).get('key')],
  ['S3', stored],
])('an endpoint of %s that does not answer causes a StoreError', async (service, call) => {
  const { url, close } = await fakeAws(() => undefined);

  await expect(call(url)).rejects.toMatchObject({ name: 'StoreError', code: `${service}.TimeoutError` });
  await close();
});

test('an S3 that stops in the middle of an object causes a StoreError', async () => {
  const { url, close } = await fakeAws((_asked, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('half of it');
    return undefined;
  });

  await expect(stored(url)).rejects.toMatchObject({ name: 'StoreError' });
  await close();
});
