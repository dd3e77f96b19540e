import { StoreError } from '../../../lib/platform/errors';
import type { BatchEntry, OutgoingMessage } from '../../../lib/platform/ports';
import type { BatchJob } from '../../../packages/producer/batch';
import { memoryProducerDeps, type Wrap } from '../../support/producer';

const feedback = (user: string, message = 'Well done.', key?: string): BatchJob => ({
  kind: 'feedback',
  data: { user: { email: `${user}@example.com` }, subject: 'It works', message },
  ...(key === undefined ? {} : { options: { key, principal: 'client-1' } }),
});

type Given = Wrap & { refuse?: (text: string) => boolean; code?: string };

/** A producer. SQS refuses the messages that `refuse` names, with this code. */
function start({ refuse = () => false, code = 'SQS.InternalError', ...wrap }: Given = {}) {
  const tried: string[] = [];
  const calls: string[][] = [];
  const textOf = ({ body }: OutgoingMessage): string => {
    const { data } = JSON.parse(body) as { data: { message?: string; text?: string } };
    return data.message ?? data.text ?? '';
  };
  const memory = memoryProducerDeps({
    ...wrap,
    queues: (queues) => ({
      ...queues,
      send: async (url, message) => {
        const text = textOf(message);
        tried.push(text);
        if (refuse(text)) throw new StoreError({ code, message: 'SQS refused' });
        return queues.send(url, message);
      },
      sendBatch: async (url, messages) => {
        const texts = messages.map(textOf);
        calls.push(texts);
        tried.push(...texts);
        if (texts.every(refuse)) throw new StoreError({ code, message: 'SQS refused' });
        const taken = await queues.sendBatch(
          url,
          messages.filter((message) => !refuse(textOf(message))),
        );
        return texts.map((text): BatchEntry => (refuse(text) ? { sent: false, code } : (taken.shift() as BatchEntry)));
      },
    }),
  });
  return { ...memory, tried, calls };
}

it('sends the jobs of one group in order, and none of them after one that was not sent', async () => {
  const { producer, tried } = start({ refuse: (text) => text === 'a2' });

  const jobs = ['a1', 'b1', 'a2', 'a3', 'b2'].map((text) => feedback(text.slice(0, 1), text));
  const results = await producer.batch(jobs);

  expect(tried.filter((text) => text.startsWith('a'))).toEqual(['a1', 'a2', 'a2']);
  expect(tried.filter((text) => text.startsWith('b'))).toEqual(['b1', 'b2']);
  expect(results.map(({ accepted }) => accepted !== undefined)).toEqual([true, true, false, false, true]);
  expect(results[3]?.error).toMatchObject({ code: 'SQS.InternalError' });
});

const hundred = (key: (n: number) => string | undefined = () => undefined) =>
  Array.from({ length: 100 }, (_, n) => feedback(`user-${n}`, `${n}`, key(n)));

/** A call of a table that hangs. */
const hangs = () =>
  jest.fn(async () => {
    throw new StoreError({ code: 'DynamoDB.TimeoutError', message: 'no answer' });
  });

it('sends no more once all tries of a message have timed out', async () => {
  const { producer, tried, calls } = start({ refuse: () => true, code: 'SQS.TimeoutError' });

  const results = await producer.batch(hundred());

  expect(tried).toHaveLength(100);
  expect(calls).toHaveLength(10);
  expect(new Set(results.map(({ error }) => (error as StoreError).code))).toEqual(new Set(['SQS.TimeoutError']));
});

it('reports each job that failed, and accepts the others', async () => {
  const { producer, rows } = start({ refuse: (text) => text === 'refused' });
  await producer.batch([feedback('b', 'first', 'key')]);

  const results = await producer.batch([
    feedback('a', 'refused'),
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
  const { producer, rows } = start();

  const results = await producer.batch([feedback('a', 'same', 'key'), feedback('a', 'same', 'key')]);

  expect(results.map(({ accepted }) => accepted?.duplicate).sort()).toEqual([false, true]);
  expect(rows().map(({ id }) => [id, id])).toEqual([results.map(({ accepted }) => accepted?.id)]);
});

it('asks a table that hangs no more once all tries of a job have timed out', async () => {
  const put = hangs();
  const { producer, tried } = start({ table: (table) => ({ ...table, put }) });

  const jobs = hundred((n) => (n % 2 ? `key-${n}` : undefined));
  const results = await producer.batch(jobs);

  expect(put).toHaveBeenCalledTimes(25 * 3);
  expect(tried).toHaveLength(50);
  const ends = results.map(({ accepted, error }) => accepted?.duplicate ?? (error as StoreError).code);
  expect(ends).toEqual(Array.from({ length: 100 }, (_, n) => (n % 2 ? 'DynamoDB.TimeoutError' : false)));
});

it('notes no more files in a table that hangs once all tries of a job have timed out', async () => {
  const get = hangs();
  const { producer, objects, tried } = start({ table: (table) => ({ ...table, get }) });
  const file = { name: 'a.png', contentType: 'image/png' };
  const options = { principal: 'client-1' };
  const { key } = await producer.attachments.upload({ ...options, ...file });
  await objects.put(key, 'png', file.contentType);

  const attachments = [{ key, ...file }];
  const jobs = hundred().map((job) => ({ ...job, options, data: { ...job.data, attachments } }) as BatchJob);
  await producer.batch(jobs);

  expect(get).toHaveBeenCalledTimes(25 * 3);
  expect(tried).toHaveLength(100);
});

it('refuses what is no list', async () => {
  for (const value of [undefined, null, 'jobs', { kind: 'feedback' }])
    await expect(start().producer.batch(value as never)).rejects.toThrow('jobs: must be an array');
});

it('sends ten messages a call, of one group one a call, and those that SQS did not take once more', async () => {
  let failures = 0;
  const { producer, calls, tried } = start({ refuse: (text) => text === '7' && ++failures <= 2 });

  const results = await producer.batch([...hundred(), feedback('user-1', 'second'), feedback('user-1', 'third')]);

  expect(results.every(({ accepted }) => accepted?.messageId)).toBe(true);
  expect(calls.map((call) => call.length)).toEqual(Array(10).fill(10));
  expect(tried.slice(-2)).toEqual(['second', 'third']);
  expect(tried.filter((text) => text === '7')).toHaveLength(2);
});

it('keeps the bytes of a call within those of a single message', async () => {
  const { producer, calls } = start();
  const from = { email: 'news@example.com' };
  const data = { from, to: { email: 'user@example.com' }, subject: 'Hello', text: 'x'.repeat(300_000) };

  const results = await producer.batch(Array.from({ length: 7 }, () => ({ kind: 'email', data })));

  expect(results.every(({ accepted }) => accepted)).toBe(true);
  expect(calls.map((call) => call.length)).toEqual([3, 3]);
});
