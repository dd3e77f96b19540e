import { StoreError } from '../../../lib/errors';
import type { BatchEntry, OutgoingMessage } from '../../../lib/ports';
import { type BatchJob, submitBatch } from '../../../packages/producer/batch';
import { memoryProducerDeps } from '../../support/producer';

const feedback = (user: string, message = 'Well done.', key?: string): BatchJob => ({
  kind: 'feedback',
  data: { user: { email: `${user}@example.com` }, subject: 'It works', message },
  ...(key === undefined ? {} : { options: { key, principal: 'client-1' } }),
});

/** `answer`: what SQS says to each entry of a call, by the number of the call. */
function start({
  answer = () => 'sent',
  callMs = 0,
  ...wrap
}: Parameters<typeof memoryProducerDeps>[0] & {
  answer?: (call: number, entry: number) => string;
  callMs?: number;
} = {}) {
  const memory = memoryProducerDeps(wrap);
  const calls: OutgoingMessage[][] = [];
  const sendBatch = async (url: string, messages: OutgoingMessage[]): Promise<BatchEntry[]> => {
    const call = calls.push(messages);
    memory.clock.advance(callMs);
    return Promise.all(
      messages.map(async (message, entry) => {
        const code = answer(call, entry);
        return code === 'sent'
          ? { sent: true, ...(await memory.deps.queues.send(url, message)) }
          : { sent: false, code };
      }),
    );
  };
  const deps = { ...memory.deps, queues: { ...memory.deps.queues, sendBatch } };
  return { ...memory, deps, calls };
}

const subjects = (calls: OutgoingMessage[][]) =>
  calls.map((messages) => messages.map(({ body }) => (JSON.parse(body) as { data: { message: string } }).data.message));

it('sends ten messages in a call, and answers in the order of the jobs', async () => {
  const { deps, calls, rows } = start();

  const results = await submitBatch(
    deps,
    Array.from({ length: 23 }, (_, n) => feedback(`user-${n}`, `${n}`)),
  );

  expect(calls.map(({ length }) => length)).toEqual([10, 10, 3]);
  expect(subjects(calls).flat()).toEqual(Array.from({ length: 23 }, (_, n) => `${n}`));
  const ids = calls.flat().map(({ body }) => (JSON.parse(body) as { id: string }).id);
  expect(results.map(({ accepted }) => accepted?.id)).toEqual(ids);
  expect(results[0]?.accepted).toEqual({
    id: ids[0],
    time: expect.any(String),
    duplicate: false,
    messageId: expect.any(String),
    sequenceNumber: expect.any(String),
  });
  expect(rows().every(({ sentAt }) => sentAt !== undefined)).toBe(true);
});

it('keeps the jobs of one group in order, with one of them in a call', async () => {
  const { deps, calls } = start();

  await submitBatch(deps, [feedback('a', 'a1'), feedback('a', 'a2'), feedback('b', 'b1'), feedback('a', 'a3')]);

  expect(subjects(calls)).toEqual([['a1', 'b1'], ['a2'], ['a3']]);
});

it('sends only the failed entries again, before later jobs of their group', async () => {
  const { deps, calls } = start({ answer: (call, entry) => (call === 1 && entry === 0 ? 'SQS.Throttled' : 'sent') });

  const results = await submitBatch(deps, [feedback('a', 'a1'), feedback('b', 'b1'), feedback('a', 'a2')]);

  expect(subjects(calls)).toEqual([['a1', 'b1'], ['a1'], ['a2']]);
  expect(results.every(({ accepted }) => accepted)).toBe(true);
});

it('goes on for as long as SQS takes messages', async () => {
  const { deps } = start({ callMs: 1_000 });

  const results = await submitBatch(
    deps,
    Array.from({ length: 30 }, (_, n) => feedback('a', `${n}`)),
  );

  expect(results.filter(({ accepted }) => accepted)).toHaveLength(30);
});

it('gives up when SQS has taken nothing for ten seconds, and sends no later job of a group', async () => {
  const { deps, calls, clock } = start({ answer: (call) => (call < 3 ? 'sent' : 'SQS.Throttled') });
  const from = clock.now();

  const results = await submitBatch(
    deps,
    ['1', '2', '3', '4'].map((message) => feedback('a', message)),
  );

  expect(results.map(({ accepted, error }) => accepted?.duplicate ?? (error as StoreError).code)).toEqual([
    false,
    false,
    'SQS.Throttled',
    'SQS.Throttled',
  ]);
  expect(new Set(subjects(calls).flat())).toEqual(new Set(['1', '2', '3']));
  expect(clock.now() - from).toBe(10_000);
});

it('reports each job that failed, and accepts the others', async () => {
  const { deps, rows } = start({ answer: (_call, entry) => (entry === 0 ? 'SQS.InternalError' : 'sent') });
  await submitBatch(deps, [feedback('z'), feedback('b', 'first', 'key')]);

  const results = await submitBatch(deps, [
    feedback('a'),
    { kind: 'feedback', data: { user: { email: 'planted' }, subject: '', message: 'M' } },
    feedback('b', 'other', 'key'),
    ...[null, 7, { kind: 'fax', data: {} }, { kind: 'feedback', data: {}, option: {} }].map((odd) => odd as never),
    feedback('c'),
  ]);

  const [invalid, store] = ['InvalidJobError', 'StoreError'];
  expect(results.map(({ error }) => error?.name)).toEqual([
    ...[store, invalid, 'IdempotencyConflictError', invalid, invalid, invalid, invalid, undefined],
  ]);
  expect(results[0]?.error).toMatchObject({ code: 'SQS.InternalError' });
  expect(results[5]?.error?.message).toMatch(/^kind: must be one of "feedback", /);
  expect(JSON.stringify(results[1]?.error)).not.toContain('planted');
  expect(rows().filter(({ sentAt }) => sentAt !== undefined)).toHaveLength(2);
});

it('makes the same job of the same key, also within one batch', async () => {
  const { deps, rows } = start();

  const results = await submitBatch(deps, [feedback('a', 'same', 'key'), feedback('a', 'same', 'key')]);

  expect(rows()).toHaveLength(1);
  expect(new Set(results.map(({ accepted }) => accepted?.id)).size).toBe(1);
  expect(results.map(({ accepted }) => accepted?.duplicate).sort()).toEqual([false, true]);
});

it('asks a table that hangs no more once all tries of a job have timed out', async () => {
  let asked = 0;
  const put = async () => {
    asked++;
    throw new StoreError({ code: 'DynamoDB.TimeoutError', message: 'DynamoDB PutItem failed' });
  };
  const { deps, calls } = start({ table: (table) => ({ ...table, put }) });

  const results = await submitBatch(
    deps,
    Array.from({ length: 100 }, (_, n) => feedback(`user-${n}`, `${n}`, n % 2 ? `key-${n}` : undefined)),
  );

  expect(asked).toBe(25 * 3);
  expect(calls.flat()).toHaveLength(50);
  const ends = results.map(({ accepted, error }) => accepted?.duplicate ?? (error as StoreError).code);
  expect(ends).toEqual(Array.from({ length: 100 }, (_, n) => (n % 2 ? 'DynamoDB.TimeoutError' : false)));
});

it('refuses what is no list', async () => {
  for (const value of [undefined, null, 'jobs', { kind: 'feedback' }])
    await expect(submitBatch(start().deps, value as never)).rejects.toThrow('jobs: must be an array');
});
