import fc from 'fast-check';
import { version } from 'uuid';
import * as z from 'zod';
import { parseEnvelope, payloadHash, sha256 } from '../../../lib/engine/jobs/envelope';
import type { JobRow } from '../../../lib/engine/jobs/row';
import * as transitions from '../../../lib/engine/jobs/transitions';
import { IdempotencyConflictError } from '../../../lib/engine/submit/errors';
import { jobId } from '../../../lib/engine/submit/options';
import { submit } from '../../../lib/engine/submit/submit';
import { messageType } from '../../../lib/engine/worker/contract';
import { memoryEngine } from '../../support/engine';
import { withFaults } from '../../support/faults';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryProducerDeps } from '../../support/producer';

const job = { queue: 'feedback', type: 'feedback.submitted.v1', group: 'a-group' };
const large = (letter: string) => ({ text: letter.repeat(900 * 1024) });

test('data stays in the message up to a limit in bytes', async () => {
  const { deps, objects } = memoryProducerDeps();
  const atLimit = 'ü'.repeat(450 * 1024 - 1);

  await submit(deps, { ...job, data: atLimit });
  expect(objects.keys()).toEqual([]);

  await submit(deps, { ...job, data: `${atLimit}x` });
  expect(objects.keys()).toHaveLength(1);
});

test('large data is stored in the bucket, and the message has its key and hash. Escapes of what SQS refuses count', async () => {
  const { deps, objects, messages, rows } = memoryProducerDeps();
  const data = '\ufffe'.repeat(200 * 1024);

  await submit(deps, { ...job, data });

  const envelope = parseEnvelope(messages()[0]?.body ?? '');
  const { datasha256, dataref = '', salt } = envelope;
  expect(dataref).toContain(`jobs/_data/feedback/${envelope.id}`);
  expect(envelope).not.toHaveProperty('data');
  expect(datasha256).toBe(sha256(JSON.stringify(data)));
  expect(JSON.parse(objects.text(dataref))).toBe(data);
  expect(rows()[0]?.payloadHash).toBe(payloadHash({ type: job.type, data, salt } as never));
});

test('large data is never overwritten by another job with the same key', async () => {
  const { deps, objects, messages } = memoryProducerDeps();
  await submit(deps, { ...job, key: 'k', data: large('x') });

  await expect(submit(deps, { ...job, key: 'k', data: large('y') })).rejects.toThrow(IdempotencyConflictError);

  const { dataref = '', datasha256 } = parseEnvelope(messages()[0]?.body ?? '');
  expect(sha256(objects.text(dataref))).toBe(datasha256);
});

test('large data that could not be stored leaves no row and no message', async () => {
  const { deps, table, messages } = memoryProducerDeps({
    objects: (objects) => withFaults(objects, () => 'refused'),
  });

  await expect(submit(deps, { ...job, data: large('x') })).rejects.toMatchObject({ name: 'StoreError' });

  expect([table.writes(), messages().length]).toEqual([0, 0]);
});

test('a job for a standard queue has no group and no deduplication id', async () => {
  const { deps } = memoryProducerDeps({ settings: () => ({ type: 'standard', retention: 345_600 }) });
  const send = jest.spyOn(deps.queues, 'send').mockResolvedValue({ messageId: 'm' });

  await submit(deps, { ...job, data: 1 });

  expect(Object.keys(send.mock.lastCall?.[1] ?? {})).toEqual(['body', 'attributes']);
});

const down = { table: <T extends object>(table: T) => withFaults(table, () => 'refused') };

test('while the table is down, a job without a key is accepted, and its message is a whole job', async () => {
  const { deps, rows, messages, lines } = memoryProducerDeps(down);

  const warnings = ['priority', 'tags.3', 'tags.3'].map((field) => ({ field, message: `${field}: must be …` }));
  const accepted = await submit(deps, { ...job, data: 'data', correlationId: 'request-1', warnings });

  expect(accepted).toMatchObject({ duplicate: false, messageId: messages()[0]?.messageId, warnings });
  expect(messages()).toHaveLength(1);
  expect(rows()).toEqual([]);

  const type = messageType({ schema: z.string(), process: async () => {} });
  const engine = memoryEngine(() => ({ queue: job.queue, types: { [job.type]: type } }));
  const [{ body = '', attributes: { token } = {} } = {}] = messages();
  await engine.sendAndDeliver(body, { attributes: { token: token?.StringValue ?? '' } });
  const row = { state: 'succeeded', correlationId: 'request-1', warnings: ['priority', 'tags.3'] };
  expect(engine.row(accepted.id)).toMatchObject(row);
  expect(lines.map(({ message }) => message)).toContain('accepted without a row');
});

test.each([
  ['with a key', 'only the row knows the keys that were used', { key: 'k' }],
  ['with a time', 'only its row makes it start', { notBefore: '2026-01-02T03:05:00Z' }],
])('while the table is down, a job %s is refused, because %s', async (_which, _why, options) => {
  const { deps, messages } = memoryProducerDeps(down);

  await expect(submit(deps, { ...job, data: 'data', ...options })).rejects.toMatchObject({ name: 'StoreError' });

  expect(messages()).toEqual([]);
});

test('while the table is down, a row whose write lost its answer is the row of the job that is accepted', async () => {
  const { deps, rows, messages } = memoryProducerDeps({
    table: (table) => withFaults(table, (method) => (method === 'put' ? 'lost' : 'refused')),
  });

  const { id } = await submit(deps, { ...job, data: 'data' });

  expect(messages()).toHaveLength(1);
  expect(rows()).toMatchObject([{ id, state: 'queued', version: 1 }]);
});

test.each([
  ['is written after the answer, if the caller takes that write', 'none', { version: 2, sentAt: expect.any(Number) }],
  ['does not fail when the table does', 'refused', { version: 1 }],
] as const)('the mark that the message was sent %s', async (_what, fault, expected) => {
  let puts = 0;
  const { deps, rows } = memoryProducerDeps({
    table: (table) => withFaults(table, (method) => (method === 'put' && ++puts > 1 ? fault : 'none')),
  });
  const writes: Promise<void>[] = [];

  await submit({ ...deps, afterAnswer: (write) => void writes.push(write) }, { ...job, data: 'data' });

  expect(await Promise.all(writes)).toEqual([undefined]);
  expect(rows()).toMatchObject([{ state: 'queued', ...expected }]);
});

test('the mark is not written over what a worker has written meanwhile', async () => {
  const { deps, rows } = memoryProducerDeps();
  let claimed: unknown[] = [];
  const claim = async () => {
    const [row] = rows() as [JobRow];
    const delivery = { messageId: 'm', receiveCount: 1, sentAt: 0, at: 0 };
    const lease = { token: 't', until: 1, messageId: 'm' };
    await deps.ledger.write(transitions.claim(row, { at: 0, delivery, lease }), row.version);
    claimed = rows();
  };
  const send = deps.queues.send.bind(deps.queues);
  jest.spyOn(deps.queues, 'send').mockImplementation((...message) => claim().then(() => send(...message)));

  await submit(deps, { ...job, data: 'data' });

  expect(claimed).toMatchObject([{ state: 'processing' }]);
  expect(rows()).toEqual(claimed);
});

test('a repeat of a call whose message was never sent sends it, and only the arrival of the message opens the job', async () => {
  const { deps, rows, messages } = memoryProducerDeps();
  await submit(deps, { ...job, key: 'k', data: 'data' });
  const [{ sentAt: _sentAt, ...row }] = rows() as [JobRow];
  await deps.ledger.write(transitions.neverSent(row as JobRow, 0), row.version);
  const before = rows();

  await submit(deps, { ...job, key: 'k', data: 'data' });

  expect(messages()).toHaveLength(2);
  expect(rows()).toEqual(before);
});

const SPLIT = { queue: 'q', principal: 'a', key: 'bc' };
const ports = { clock: memoryClock(), random: memoryRandom() };

test('a job id without a key is new each time, and holds its time as a UUID of version 7', () => {
  const [one = '', two = ''] = [1, 2].map(() => jobId({ queue: 'feedback', ...ports }));

  expect([version(one), version(two), one === two]).toEqual([7, 7, false]);
  expect(Number.parseInt(one.replace('-', '').slice(0, 12), 16)).toBe(ports.clock.now());
});

test('a job id with a key never changes, because it is a stored contract', () => {
  expect(jobId({ ...ports, queue: 'feedback', principal: 'client-1', key: 'order-1' })).toBe(
    'a891c0c9-eb8a-5baf-acde-3e55bffccc70',
  );
});

test('a job id depends on queue, principal and key as separate values', () => {
  const names = fc.record({ queue: fc.string(), principal: fc.string(), key: fc.string() });

  fc.assert(
    fc.property(names, names, (a, b) => {
      const same = a.queue === b.queue && a.principal === b.principal && a.key === b.key;
      expect(jobId({ ...ports, ...a }) === jobId({ ...ports, ...b })).toBe(same);
    }),
    {
      examples: [
        [SPLIT, { ...SPLIT, principal: 'ab', key: 'c' }],
        [SPLIT, SPLIT],
      ],
    },
  );
});
