import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { hashesWith } from '../../../lib/engine/jobs/person-hash';
import { awsVariables } from '../../../packages/local/connection';
import { close, listen } from '../../../packages/local/loopback';
import { type ProducerOptions, realProducer } from '../../../packages/producer/real-producer';
import { startAws as startEmulators, TABLE } from '../../support/emulators';
import { fakeAws } from '../../support/fake-aws';
import { HASH_KEY } from '../../support/hash-people';

const queue = { type: 'fifo' as const, retention: 345_600 };
const settings = {
  account: '000000000000',
  bucket: 'a-bucket',
  prefix: 'jobs',
  table: TABLE,
  emailRate: 100,
  hashKey: HASH_KEY,
  queues: { feedback: queue, emails: queue },
};
const withAnalytics = { ...settings, queues: { analytics: queue } };
const hashed = { ...settings, hashKey: 'ssm:/my/hash-key' };
const feedback = { user: { email: 'user@example.com' }, subject: 'It works', message: 'Well done.' };
const event = (id: string) => ({ id, name: 'opened', time: new Date().toISOString() });

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

  /** Starts AWS on this machine with the API's queues and points the environment to it. */
  async function startAws() {
    const aws = await startEmulators({ queues: ['my-instance-feedback.fifo', 'my-instance-emails.fifo'] });
    closing.push(aws.close);
    Object.assign(process.env, awsVariables(aws.endpoints));
    const queueUrl = `${aws.endpoints.sqs}/000000000000/my-instance-feedback.fifo`;
    const received = () => aws.queues.receive(queueUrl, { max: 10, visibilitySeconds: 30 });
    return { ...aws, received };
  }

  /** A server in place of AWS that only the test answers. */
  async function hangingServer(listener: RequestListener = () => {}) {
    const server = createServer(listener);
    closing.push(() => close(server));
    return { server, url: await listen(server, 0) };
  }

  it('needs only its environment to accept feedback', async () => {
    const { received, table } = await startAws();
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
    const bodies = (await received()).map(({ body }) => JSON.parse(body) as { id: string });
    expect(bodies.map(({ id }) => id)).toEqual([first.id]);
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

  it.each(['throws', 'rejects'])('accepts a job although the log of its caller %s', async (how) => {
    await startAws();
    const write = () => {
      if (how === 'rejects') return Promise.reject(new Error('the disk is full'));
      throw new Error('the disk is full');
    };
    const log = { info: write, warn: write, error: write };
    const producer = started({ log });

    await expect(producer.feedback(feedback)).resolves.toMatchObject({ duplicate: false });
  });

  it('refuses an upload as a failure that can be tried again if it finds no credentials to sign it with', async () => {
    const credentials = () => Promise.reject(new Error('planted'));
    const upload = started({ credentials }).attachments.upload({ principal: 'me', name: 'a', contentType: 'a/b' });

    await expect(upload).rejects.toMatchObject({ name: 'StoreError', code: 'S3.Error' });
  });

  it('closes in time while SQS takes connections and never answers, and each close rejects with the events', async () => {
    const happened: string[] = [];
    const { server, url: sqs } = await hangingServer((request) => {
      happened.push('asked');
      request.socket.once('close', () => happened.push('gave up'));
    });
    await startAws();
    const producer = started({ settings: withAnalytics, endpoints: { sqs } });
    await producer.track(event('a'));
    const flushed = producer.flush().catch((error: unknown) => error);
    await once(server, 'request');

    const [first, second] = await Promise.allSettled([producer.close({ timeoutMs: 100 }), producer.close()]);

    expect(happened).toEqual(['asked']);
    const reason = { name: 'UnsentEventsError', messages: [{ body: expect.stringContaining('opened') }] };
    expect([first, second]).toMatchObject([{ reason }, { reason }]);
    expect(first).toMatchObject({ reason: await flushed });
  });

  it('closes in time while it still waits for its settings', async () => {
    const { server: hanging, url: ssm } = await hangingServer();
    await startAws();
    const producer = started({ settings: undefined, endpoints: { ssm } });
    const asked = once(hanging, 'request');
    const ready = producer.ready().catch((error: unknown) => error);
    await asked;

    await expect(producer.close({ timeoutMs: 100 })).rejects.toMatchObject({ code: 'Producer.NotConnected' });

    expect(await ready).toMatchObject({
      code: 'Producer.NotSent',
      message: expect.stringMatching(/ its producer was closed$/),
    });
    hanging.closeAllConnections();
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
    const { received } = await startAws();
    const producer = started({ settings: hashed, endpoints: { ssm: endpoint } });

    await producer.ready();
    await producer.feedback(feedback);

    expect(requests).toEqual(['/my/hash-key']);
    expect((await received())[0]?.groupId).toBe(hashesWith([key])('feedback:email:user@example.com')[0]);
  });

  it('without its hash key refuses feedback as a failure that can be tried again, and does the rest', async () => {
    const { endpoint } = await startSsm({});
    await startAws();
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
    const { objects, endpoints } = await startAws();
    const producer = started({ endpoints: { s3: endpoints.s3 } });

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
    expect(Buffer.from((await objects.get(key)) ?? []).toString()).toBe('png');
  });

  /** Parameter Store, with these parameters. */
  async function startSsm(parameters: Record<string, string>) {
    const requests: string[] = [];
    const { url, close } = await fakeAws(({ body }) => {
      const { Name } = JSON.parse(body) as { Name: string };
      requests.push(Name);
      const Value = parameters[Name];
      return Value === undefined
        ? [400, '{"__type":"ParameterNotFound"}']
        : [200, JSON.stringify({ Parameter: { Name, Value } })];
    });
    closing.push(close);
    return { endpoint: url, requests };
  }
});
