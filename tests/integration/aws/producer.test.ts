import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { realObjects, s3Client } from '../../../lib/aws/objects';
import { realQueues } from '../../../lib/aws/queues';
import { realTable } from '../../../lib/aws/table';
import { hashesWith } from '../../../lib/jobs/person-hash';
import { startS3 } from '../../../packages/local/emulators';
import { close, listen } from '../../../packages/local/loopback';
import type { ProducerOptions } from '../../../packages/producer/real-producer';
import { realProducer } from '../../../packages/producer/real-producer';
import { against, startDynamo, startSqs, TABLE } from '../../support/emulators';
import { HASH_KEY } from '../../support/hash-people';

const settings = {
  account: '000000000000',
  bucket: 'a-bucket',
  prefix: 'jobs',
  table: TABLE,
  emailRate: 100,
  hashKey: HASH_KEY,
  queues: {
    feedback: { type: 'fifo' as const, retention: 345_600 },
    emails: { type: 'fifo' as const, retention: 345_600 },
  },
};
const withAnalytics = { ...settings, queues: { analytics: settings.queues.feedback } };
const feedback = { user: { email: 'user@example.com' }, subject: 'It works', message: 'Well done.' };

const queueName = 'my-instance-feedback.fifo';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

describe('the producer as an API imports it', () => {
  const before = { ...process.env };
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    process.env = { ...before };
    for (const close of closing.splice(0)) await close();
  });

  /** A producer that is closed after the test. A second close ends as the first, which its test has seen. */
  const started = (options: ProducerOptions = {}) => {
    const producer = realProducer({ instance: 'my-instance', region: 'us-east-1', settings, ...options });
    closing.unshift(() => producer.close().catch(() => {}));
    return producer;
  };

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
      client,
      sqsUrl: sqs.url,
      queues: realQueues(client),
      queueUrl: `${sqs.url}/000000000000/${queueName}`,
      table: realTable({ table: TABLE, client: dynamo.client }),
    };
  }

  it('needs only its environment to accept feedback', async () => {
    const { queues, queueUrl, table } = await startAws();
    Object.assign(process.env, { JOBS_INSTANCE: 'my-instance', JOBS_SETTINGS: JSON.stringify(settings) });
    const producer = realProducer();
    closing.unshift(() => producer.close());

    const first = await producer.feedback(feedback, { key: 'request-1', principal: 'client-1' });
    const again = await producer.feedback(feedback, { key: 'request-1', principal: 'client-1' });

    expect(first).toEqual({
      id: first.id,
      time: first.time,
      duplicate: false,
      messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      sequenceNumber: expect.stringMatching(/^\d{20}$/),
    });
    expect(again).toEqual({ id: first.id, time: first.time, duplicate: true });
    const messages = await queues.receive(queueUrl, { max: 10, visibilitySeconds: 30 });
    expect(messages.map(({ body }) => (JSON.parse(body) as { id: string }).id)).toEqual([first.id]);
    expect(await producer.jobs.get(first.id, { principal: 'client-1' })).toEqual({
      id: first.id,
      queue: 'feedback',
      kind: 'feedback',
      state: 'queued',
      ended: false,
      acceptedAt: first.time,
    });
    await producer.close();
    expect(await table.get(`feedback#${first.id}`)).toMatchObject({ state: 'queued', version: 2 });
  });

  it('accepts a job although the log of its caller throws', async () => {
    await startAws();
    const write = () => {
      throw new Error('the disk is full');
    };
    const log = { info: write, warn: write, error: write };
    const producer = started({ log });

    await expect(producer.feedback(feedback)).resolves.toMatchObject({ duplicate: false });
  });

  it('closes once: a second call ends as the first', async () => {
    await startAws();
    const endpoints = { sqs: 'http://127.0.0.1:1' };
    const queues = { ...settings.queues, analytics: settings.queues.feedback };
    const producer = started({ settings: { ...settings, queues }, endpoints });
    await producer.track({ id: 'a', name: 'opened', time: new Date().toISOString() });

    const ends = await Promise.allSettled([producer.close({ timeoutMs: 0 }), producer.close()]);

    const unsent = { status: 'rejected', reason: { name: 'UnsentEventsError' } };
    expect(ends).toMatchObject([unsent, unsent]);
  });

  it('closes in time while SQS takes connections and never answers, and rejects with the events', async () => {
    const happened: string[] = [];
    const hanging = createServer((request) => {
      happened.push('asked');
      request.socket.once('close', () => happened.push('gave up'));
    });
    const sqs = await listen(hanging, 0);
    stops.push(() => close(hanging));
    await startAws();
    const producer = started({ settings: withAnalytics, endpoints: { sqs } });
    await producer.track({ id: 'a', name: 'opened', time: new Date().toISOString() });
    const flushed = producer.flush().catch((error: unknown) => error);
    await once(hanging, 'request');

    const error = await producer.close({ timeoutMs: 100 }).catch((thrown: unknown) => thrown);

    expect(happened).toEqual(['asked']);
    expect(error).toMatchObject({ name: 'UnsentEventsError', messages: [{ body: expect.stringContaining('opened') }] });
    expect(await flushed).toBe(error);
  });

  it('closes in time while it still waits for its settings', async () => {
    const hanging = createServer();
    const ssm = await listen(hanging, 0);
    stops.push(() => close(hanging));
    await startAws();
    const producer = started({ settings: undefined, endpoints: { ssm } });
    const asked = once(hanging, 'request');
    let isReady = false;
    const ready = producer.ready().catch(() => (isReady = true));
    await asked;

    await expect(producer.close({ timeoutMs: 100 })).rejects.toMatchObject({ code: 'Producer.NotConnected' });

    expect(isReady).toBe(false);
    hanging.closeAllConnections();
    await ready;
  });

  it('marks the row as sent before its answer on Lambda, which freezes the process after it', async () => {
    const { table } = await startAws();
    process.env.AWS_LAMBDA_FUNCTION_NAME = 'my-api';
    const producer = started();

    const { id } = await producer.feedback(feedback);

    expect(await table.get(`feedback#${id}`)).toMatchObject({ version: 2, sentAt: expect.any(Number) });
  });

  it('reads the hash key that its settings name, once, and puts a person into the group of that key', async () => {
    const key = 'a'.repeat(32);
    const { endpoint, requests } = await startSsm({ '/my/hash-key': key });
    const { queues, queueUrl } = await startAws();
    const hashed = { ...settings, hashKey: 'ssm:/my/hash-key' };
    const producer = started({ settings: hashed, endpoints: { ssm: endpoint } });

    await producer.ready();
    await producer.feedback(feedback);

    expect(requests).toEqual(['/my/hash-key']);
    const [message] = await queues.receive(queueUrl, { max: 1, visibilitySeconds: 30 });
    expect(message?.groupId).toBe(hashesWith([key])('feedback:email:user@example.com')[0]);
  });

  it('without its hash key refuses feedback as a failure that can be tried again, and does the rest', async () => {
    const { endpoint } = await startSsm({});
    await startAws();
    const hashed = { ...settings, hashKey: 'ssm:/my/hash-key' };
    const producer = started({ settings: hashed, endpoints: { ssm: endpoint } });
    const failure = { name: 'StoreError', code: 'SSM.ParameterNotFound' };

    await expect(producer.ready()).rejects.toMatchObject(failure);
    await expect(producer.feedback(feedback)).rejects.toMatchObject(failure);
    const upload = { queue: 'emails' as const, principal: 'p', name: 'list.csv', contentType: 'text/csv' };
    expect(await producer.attachments.upload(upload)).toHaveProperty('key');
  });

  it('reads its settings from the parameter of the instance, once, and again if they were not valid', async () => {
    const parameters = { '/jobs/my-instance/producer': JSON.stringify({ ...settings, bucket: 7, prefix: '/' }) };
    const { endpoint, requests } = await startSsm(parameters);
    await startAws();
    const producer = started({ settings: undefined, endpoints: { ssm: endpoint } });

    await expect(producer.ready()).rejects.toThrow(
      "producer: the parameter /jobs/my-instance/producer: bucket: must be a string, is a number; prefix: must be parts separated by /, each of letters, digits or !_.'()-, without wildcards",
    );
    parameters['/jobs/my-instance/producer'] = JSON.stringify(settings);
    await Promise.all([producer.feedback(feedback), producer.feedback(feedback), producer.ready()]);

    expect(requests).toEqual(Array(2).fill('/jobs/my-instance/producer'));
  });

  it('signs a form with which a user uploads one file of a size range', async () => {
    await startAws();
    const s3 = await startS3('a-bucket');
    closing.push(s3.close);
    const producer = started({ endpoints: { s3: s3.url } });

    const file = { principal: 'client-1', name: 'screen.png', contentType: 'image/png', maxBytes: 1_000 };
    const { url, fields, key } = await producer.attachments.upload(file);

    const policy = JSON.parse(Buffer.from(fields.Policy ?? '', 'base64').toString()) as { conditions: unknown[] };
    expect(policy.conditions).toEqual(
      expect.arrayContaining([['content-length-range', 1, 1_000], ['eq', '$Content-Type', 'image/png'], { key }]),
    );
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', new Blob(['png']));
    expect((await fetch(url, { method: 'POST', body: form })).status).toBe(204);
    const objects = realObjects({ bucket: 'a-bucket', client: s3Client({ ...against(s3.url), forcePathStyle: true }) });
    expect(Buffer.from((await objects.get(key)) ?? []).toString()).toBe('png');
  });

  it('sends tracked events when it closes, and takes nothing after that', async () => {
    const { queues, sqsUrl, client } = await startAws();
    const QueueName = 'my-instance-analytics.fifo';
    await client.send(new CreateQueueCommand({ QueueName, Attributes: { FifoQueue: 'true' } }));
    const producer = started({ settings: withAnalytics, analytics: { maxAgeMs: 10 } });

    await producer.track({ id: 'event-1', name: 'opened', time: new Date().toISOString() });
    await producer.close();

    const messages = await queues.receive(`${sqsUrl}/000000000000/${QueueName}`, { max: 10, visibilitySeconds: 30 });
    expect(messages).toHaveLength(1);
    await expect(producer.feedback(feedback)).rejects.toMatchObject({ name: 'StoreError', code: 'Producer.Closed' });
  });
});

/** Parameter Store, with these parameters. */
async function startSsm(parameters: Record<string, string>) {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      const { Name } = body as { Name: string };
      requests.push(Name);
      const Value = parameters[Name];
      response.writeHead(Value === undefined ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(
        JSON.stringify(Value === undefined ? { __type: 'ParameterNotFound' } : { Parameter: { Name, Value } }),
      );
    });
  });
  const endpoint = await listen(server, 0);
  stops.push(() => close(server));
  return { endpoint, requests };
}
