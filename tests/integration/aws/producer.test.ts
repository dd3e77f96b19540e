import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { realQueues } from '../../../lib/aws/queues';
import { realTable } from '../../../lib/aws/table';
import { realProducer } from '../../../lib/producer/real-producer';
import { against, startDynamo, startS3, startSqs, TABLE } from '../../support/emulators';
import { feedbackSettings } from '../../support/producer';

const env = {
  INSTANCE: 'my-instance',
  BUCKET: 'a-bucket',
  PREFIX: 'jobs',
  TABLE,
  QUEUES: JSON.stringify({ feedback: feedbackSettings }),
  AWS_REGION: 'us-east-1',
  LOG_LEVEL: 'WARN',
  AWS_ACCOUNT_ID: '000000000000',
};
const feedback = { user: { email: 'user@example.com' }, subject: 'It works', message: 'Well done.' };

describe('the producer as an API imports it', () => {
  it('names every variable that is missing or wrong, at once', () => {
    const wrong = { ...env, BUCKET: undefined, AWS_ACCOUNT_ID: 'planted', QUEUES: '{' };

    const start = () => realProducer(wrong);

    expect(start).toThrow(/BUCKET: is missing/);
    expect(start).toThrow(/AWS_ACCOUNT_ID: must be 12 digits/);
    expect(start).toThrow(/QUEUES: must be JSON/);
    expect(start).not.toThrow(/planted/);
  });

  it('accepts feedback by its environment alone', async () => {
    // Given AWS on this machine, the API's queue included
    const before = { ...process.env };
    const [sqs, dynamo, s3] = await Promise.all([startSqs(), startDynamo(), startS3(env.BUCKET)]);
    const client = new SQSClient({ ...against(sqs.url), useQueueUrlAsEndpoint: false });
    const name = 'my-instance-feedback.fifo';
    await client.send(new CreateQueueCommand({ QueueName: name, Attributes: { FifoQueue: 'true' } }));
    Object.assign(process.env, {
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_ENDPOINT_URL_SQS: sqs.url,
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.url,
    });

    const producer = realProducer(env);
    const { id } = await producer.feedback(feedback, { key: 'request-1' });
    const again = await producer.feedback(feedback, { key: 'request-1' });

    expect(again).toMatchObject({ id, duplicate: true });
    const table = realTable({ table: TABLE, client: dynamo.client });
    expect(await table.get(`feedback#${id}`)).toMatchObject({ state: 'queued', version: 2 });
    const url = `${sqs.url}/000000000000/${name}`;
    const messages = await realQueues(client).receive(url, { max: 10, visibilitySeconds: 30 });
    expect(messages.map(({ body }) => (JSON.parse(body) as { id: string }).id)).toEqual([id]);

    process.env = before;
    client.destroy();
    await Promise.all([sqs.close(), dynamo.close(), s3.close()]);
  });
});
