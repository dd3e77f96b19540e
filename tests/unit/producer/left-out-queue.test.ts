import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLedger } from '../../../lib/jobs/ledger';
import { submitBatch } from '../../../lib/producer/batch';
import { InvalidJobError } from '../../../lib/producer/errors';
import { type ProducerClient, realProducer } from '../../../lib/producer/real-producer';
import { queueIn } from '../../../lib/producer/settings';
import { HASH_KEY } from '../../support/hash-people';
import { memoryQueues } from '../../support/memory-queues';
import { feedbackSettings, memoryProducerDeps } from '../../support/producer';

const feedback = { user: { id: 'u-1', email: 'a@example.com' }, subject: 'Hello', message: 'It works' };
const mail = { from: { email: 'a@example.com' }, to: { email: 'b@example.com' }, subject: 'Hello', text: 'It works' };
const upload = { principal: 'client-1', name: 'screen.png', contentType: 'image/png' };
const campaign = { from: { email: 'a@example.com' }, subject: 'Hello', text: 'It works' };
const tester = { app: '1000000001', email: 'a@example.com' };
const invite = { ...tester, groups: ['00000000-0000-4000-8000-0000000000a1'] };
const event = () => ({ id: 'event-1', name: 'opened', time: new Date().toISOString() });

/** A producer of an instance with these queues, in front of a server that counts the calls to AWS. */
async function producerOf(queues: string[]) {
  const calls: string[] = [];
  const server = http.createServer((request, response) => {
    calls.push(`${request.method} ${request.url}`);
    response.writeHead(400).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const row = { type: 'fifo' as const, retention: 1_209_600 };
  const producer = realProducer({
    instance: 'acme',
    region: 'eu-west-1',
    settings: {
      ...{ account: '123456789012', table: 'acme-jobs', bucket: 'acme-data', prefix: 'acme', emailRate: 50 },
      hashKey: HASH_KEY,
      queues: Object.fromEntries(queues.map((queue) => [queue, row])),
    },
    endpoints: { sqs: url, dynamodb: url, s3: url, ssm: url },
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  });
  const close = async () => {
    await producer.close();
    server.closeAllConnections();
    server.close();
  };
  return { producer, calls, close };
}

test.each<[string, string, string[], (producer: ProducerClient) => Promise<unknown>]>([
  ['an invitation', 'testflight', ['feedback', 'emails'], (producer) => producer.invite(invite)],
  ['a removal', 'testflight', ['feedback', 'emails'], (producer) => producer.removeTester({ ...tester, from: 'app' })],
  ['an event', 'analytics', ['feedback', 'emails'], (producer) => producer.track(event())],
  ['feedback', 'feedback', ['emails', 'analytics'], (producer) => producer.feedback(feedback)],
  ['a file for feedback', 'feedback', ['emails', 'analytics'], (producer) => producer.attachments.upload(upload)],
  ['a mail', 'emails', ['feedback', 'analytics'], (producer) => producer.email(mail)],
  [
    'a campaign',
    'emails',
    ['feedback', 'analytics'],
    (producer) =>
      producer.campaign({ ...campaign, transactional: true }, [{ email: 'b@example.com' }], {
        key: 'spring',
        principal: 'client-1',
      }),
  ],
])('%s is refused before any call if the instance leaves out the queue %s', async (_what, queue, queues, send) => {
  const { producer, calls, close } = await producerOf(queues);
  const refused = await send(producer).catch((error: unknown) => error);

  expect(refused).toBeInstanceOf(InvalidJobError);
  expect(refused).toMatchObject({
    message: `queue: the instance has no queue ${queue}, only ${queues.join(', ')}`,
    problems: [{ field: 'queue' }],
  });
  expect(calls).toEqual([]);
  await close();
});

test('in a batch, only the jobs for a queue that the instance leaves out are refused', async () => {
  const memory = memoryProducerDeps();
  const deps = {
    ...memory.deps,
    settings: queueIn({ feedback: feedbackSettings }),
    ledger: createLedger(memory.deps),
    queues: memoryQueues(memory.model),
  };

  const [first, second] = await submitBatch(deps, [
    { kind: 'invite', data: invite },
    { kind: 'feedback', data: feedback },
  ]);

  expect(first?.error?.message).toBe('queue: the instance has no queue testflight, only feedback');
  expect(second?.accepted?.duplicate).toBe(false);
  expect(memory.rows().map(({ queue }) => queue)).toEqual(['feedback']);
});
