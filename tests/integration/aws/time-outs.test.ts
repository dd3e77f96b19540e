import { createServer, type RequestListener, type Server } from 'node:http';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { realObjects } from '../../../lib/aws/objects';
import { realQueues } from '../../../lib/aws/queues';
import { realTable } from '../../../lib/aws/table';
import { localConfig } from '../../../packages/local/connection';
import { close, listen } from '../../../packages/local/loopback';

/** Production's settings with shorter waits. */
function hasty(url: string) {
  const { requestHandler, ...rest } = localConfig(url);
  return {
    ...rest,
    maxAttempts: 1,
    requestHandler: { ...requestHandler, connectionTimeout: 50, requestTimeout: 50, socketTimeout: 50 },
  };
}

describe('an AWS endpoint that does not answer', () => {
  let server: Server;
  let answer: RequestListener;
  let url: string;

  beforeEach(async () => {
    answer = () => {};
    server = createServer((request, response) => answer(request, response));
    url = await listen(server, 0);
  });
  afterEach(() => close(server));

  it.each([
    ['SQS', () => realQueues(new SQSClient({ ...hasty(url), useQueueUrlAsEndpoint: false })).depth('http://q/0/q')],
    ['DynamoDB', () => realTable({ table: 'jobs', client: new DynamoDBClient(hasty(url)) }).get('key')],
    ['S3', () => realObjects({ bucket: 'a-bucket', client: new S3Client(hasty(url)) }).get('key')],
  ])('causes a StoreError: %s', async (service, call) => {
    await expect(call()).rejects.toMatchObject({ name: 'StoreError', code: `${service}.TimeoutError` });
  });

  it('causes a StoreError when S3 stops in the middle of an object', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('half of it');
    };

    const stalled = realObjects({ bucket: 'a-bucket', client: new S3Client(hasty(url)) }).get('key');

    await expect(stalled).rejects.toMatchObject({ name: 'StoreError' });
  });
});
