import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { realQueues } from '../../../lib/aws/queues';
import { realTable } from '../../../lib/aws/table';
import { realProducer } from '../../../lib/producer/real-producer';
import { against, startDynamo, startSqs, TABLE } from '../../support/emulators';
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

const queueName = 'my-instance-feedback.fifo';

describe('the producer as an API imports it', () => {
  const before = { ...process.env };
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    process.env = { ...before };
    for (const close of closing.splice(0)) await close();
  });

  /** Starts AWS on this machine with the API's queue and points the environment to it. */
  async function startAws() {
    const [sqs, dynamo] = await Promise.all([startSqs(), startDynamo()]);
    const client = new SQSClient({ ...against(sqs.url), useQueueUrlAsEndpoint: false });
    closing.push(() => client.destroy(), sqs.close, dynamo.close);
    await client.send(new CreateQueueCommand({ QueueName: queueName, Attributes: { FifoQueue: 'true' } }));
    Object.assign(process.env, {
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_ENDPOINT_URL_SQS: sqs.url,
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.url,
    });
    return {
      queues: realQueues(client),
      queueUrl: `${sqs.url}/000000000000/${queueName}`,
      table: realTable({ table: TABLE, client: dynamo.client }),
    };
  }

  it('names all missing and wrong variables at once', () => {
    const wrong = { ...env, BUCKET: undefined, AWS_ACCOUNT_ID: 'planted', QUEUES: '{' };

    const start = () => realProducer(wrong);

    expect(start).toThrow(/BUCKET: is missing/);
    expect(start).toThrow(/AWS_ACCOUNT_ID: must be 12 digits/);
    expect(start).toThrow(/QUEUES: must be JSON/);
    expect(start).not.toThrow(/planted/);
  });

  it('needs only its environment to accept feedback', async () => {
    const { queues, queueUrl, table } = await startAws();
    const producer = realProducer(env);

    const { id } = await producer.feedback(feedback, { key: 'request-1' });
    const again = await producer.feedback(feedback, { key: 'request-1' });

    expect(again).toMatchObject({ id, duplicate: true });
    expect(await table.get(`feedback#${id}`)).toMatchObject({ state: 'queued', version: 2 });
    const messages = await queues.receive(queueUrl, { max: 10, visibilitySeconds: 30 });
    expect(messages.map(({ body }) => (JSON.parse(body) as { id: string }).id)).toEqual([id]);
  });
});
