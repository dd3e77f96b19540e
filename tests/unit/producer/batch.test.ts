import { StoreError } from '../../../lib/errors';
import { prepareUpload } from '../../../lib/submit/uploads';
import { type BatchJob, submitBatch } from '../../../packages/producer/batch';
import { memoryProducerDeps } from '../../support/producer';

const feedback = (user: string, message = 'Well done.', key?: string): BatchJob => ({
  kind: 'feedback',
  data: { user: { email: `${user}@example.com` }, subject: 'It works', message },
  ...(key === undefined ? {} : { options: { key, principal: 'client-1' } }),
});

/** A producer's dependencies. SQS refuses the messages that `refuse` names, with this code. */
function start({ refuse = () => false, code = 'SQS.InternalError', ...wrap }: Wrap = {}) {
  const tried: string[] = [];
  const memory = memoryProducerDeps({
    ...wrap,
    queues: (queues) => ({
      ...queues,
      send: async (url, message) => {
        const text = (JSON.parse(message.body) as { data: { message: string } }).data.message;
        tried.push(text);
        if (refuse(text)) throw new StoreError({ code, message: 'SQS refused' });
        return queues.send(url, message);
      },
    }),
  });
  return { ...memory, tried };
}
type Wrap = Parameters<typeof memoryProducerDeps>[0] & { refuse?: (text: string) => boolean; code?: string };

it('answers in the order of the jobs, and marks their rows as sent', async () => {
  const { deps, rows, events } = start();

  const jobs = Array.from({ length: 60 }, (_, n) => feedback(`user-${Math.floor(n / 20)}`, `${n}`));
  const results = await submitBatch(deps, jobs);

  const ids = new Map(events().map(({ id, data }) => [(data as { message: string }).message, id]));
  expect(results.map(({ accepted }) => accepted?.id)).toEqual(results.map((_, n) => ids.get(`${n}`)));
  expect(rows().every(({ sentAt }) => sentAt !== undefined)).toBe(true);
});

it('sends the jobs of one group in order, and none of them after one that was not sent', async () => {
  const { deps, tried } = start({ refuse: (text) => text === 'a2' });

  const jobs = ['a1', 'b1', 'a2', 'a3', 'b2'].map((text) => feedback(text.slice(0, 1), text));
  const results = await submitBatch(deps, jobs);

  expect(tried.filter((text) => text.startsWith('a'))).toEqual(['a1', 'a2']);
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
  const { deps, tried } = start({ refuse: () => true, code: 'SQS.TimeoutError' });

  const results = await submitBatch(deps, hundred());

  expect(tried).toHaveLength(25);
  expect(new Set(results.map(({ error }) => (error as StoreError).code))).toEqual(new Set(['SQS.TimeoutError']));
});

it('reports each job that failed, and accepts the others', async () => {
  const { deps, rows } = start({ refuse: (text) => text === 'refused' });
  await submitBatch(deps, [feedback('b', 'first', 'key')]);

  const results = await submitBatch(deps, [
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
  const { deps, rows } = start();

  const results = await submitBatch(deps, [feedback('a', 'same', 'key'), feedback('a', 'same', 'key')]);

  expect(results.map(({ accepted }) => accepted?.duplicate).sort()).toEqual([false, true]);
  expect(rows().map(({ id }) => [id, id])).toEqual([results.map(({ accepted }) => accepted?.id)]);
});

it('asks a table that hangs no more once all tries of a job have timed out', async () => {
  const put = hangs();
  const { deps, tried } = start({ table: (table) => ({ ...table, put }) });

  const jobs = hundred((n) => (n % 2 ? `key-${n}` : undefined));
  const results = await submitBatch(deps, jobs);

  expect(put).toHaveBeenCalledTimes(25 * 3);
  expect(tried).toHaveLength(50);
  const ends = results.map(({ accepted, error }) => accepted?.duplicate ?? (error as StoreError).code);
  expect(ends).toEqual(Array.from({ length: 100 }, (_, n) => (n % 2 ? 'DynamoDB.TimeoutError' : false)));
});

it('notes no more files in a table that hangs once all tries of a job have timed out', async () => {
  const get = hangs();
  const { deps, objects, tried } = start({ table: (table) => ({ ...table, get }) });
  const file = { name: 'a.png', contentType: 'image/png' };
  const options = { principal: 'client-1' };
  const sign = async () => ({ url: '', fields: {} });
  const { key } = await prepareUpload({ ...deps, sign }, { ...options, ...file });
  await objects.put(key, 'png', file.contentType);

  const attachments = [{ key, ...file }];
  const jobs = hundred().map((job) => ({ ...job, options, data: { ...job.data, attachments } }) as BatchJob);
  await submitBatch(deps, jobs);

  expect(get).toHaveBeenCalledTimes(25 * 3);
  expect(tried).toHaveLength(100);
});

it('refuses what is no list', async () => {
  for (const value of [undefined, null, 'jobs', { kind: 'feedback' }])
    await expect(submitBatch(start().deps, value as never)).rejects.toThrow('jobs: must be an array');
});
