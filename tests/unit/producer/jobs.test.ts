import { v7 } from 'uuid';
import { hashesWith } from '../../../lib/engine/jobs/person-hash';
import type { JobRow } from '../../../lib/engine/jobs/row';
import { JobNotFoundError } from '../../../lib/engine/submit/errors';
import type { SubmitOptions } from '../../../lib/engine/submit/options';
import { StoreError } from '../../../lib/platform/errors';
import { type FindOptions, jobsOf, waiting } from '../../../packages/producer/jobs';
import { HASH_KEY } from '../../support/hash-people';
import { inState } from '../../support/in-state';
import { memoryClock } from '../../support/memory-clock';
import { memoryProducerDeps } from '../../support/producer';

const feedback = { user: { email: 'user@example.com' }, subject: 'It works', message: 'Well done.' };

const ERROR = { code: 'ZendeskDown', message: 'the vendor fails (503)' };
const DAY = 24 * 60 * 60_000;

function setUp() {
  const memory = memoryProducerDeps();
  const reads = jest.spyOn(memory.deps.table, 'get');
  return { ...memory, jobs: memory.producer.jobs, reads };
}

test('what an API learns about a job is its state, reason, result and times, and nothing confidential', async () => {
  const { deps, jobs, producer } = setUp();
  const { id, time } = await producer.feedback(feedback, { correlationId: 'request-1' });
  const facts: Partial<JobRow> = {
    state: inState('held'),
    reason: 'retry',
    result: { ticketId: '7', confirmation: 'sent' },
    error: { class: 'transient', ...ERROR, vendor: 'zendesk', status: 503 },
    steps: { upload: { status: 'done', startedAt: 1, confidential: 'a token' } },
    firstStartedAt: Date.parse(time) + 1_000,
  };
  await deps.ledger.update(`feedback#${id}`, (row) => ({ ...row, ...facts }));

  expect(await jobs.get(id)).toEqual({
    ...{ id, queue: 'feedback', kind: 'feedback', state: 'held', reason: 'retry', ended: false },
    ...{ result: { ticketId: '7', confirmation: 'sent' }, error: ERROR },
    ...{ acceptedAt: time, startedAt: '2026-01-02T03:04:06.000Z' },
  });
});

test('what an API learns about a job is pending while a job that was sent without a row can still come', async () => {
  const { jobs, clock } = setUp();
  const id = v7({ msecs: clock.now() - 13 * DAY });

  expect(await jobs.get(id)).toEqual({ id, state: 'pending', ended: false });
});

test.each([
  ['no id of ours', () => 'unknown'],
  ['the id of a key that was never used', () => 'b3f7c1de-5a0e-5a6b-9a55-6d0f3a2c9e41'],
  ['an id from before the retention', (now: number) => v7({ msecs: now - 15 * DAY })],
  ['an id of the future', (now: number) => v7({ msecs: now + 2 * DAY })],
])('what an API learns about a job is that there is none, if it has no row and the id is %s', async (_what, idOf) => {
  const { jobs, clock } = setUp();
  const id = idOf(clock.now());

  const answers = [jobs.get(id), jobs.cancel(id)];

  for (const answer of answers) await expect(answer).rejects.toThrow(JobNotFoundError);
});

test('what an API learns about a job costs one read if the caller knows the queue', async () => {
  const { jobs, producer, reads } = setUp();
  const { id } = await producer.feedback(feedback);

  await jobs.get(id, { queue: 'feedback' });
  expect(reads.mock.calls).toEqual([[`feedback#${id}`]]);

  await jobs.get(id);
  const keys = ['analytics', 'emails', 'feedback', 'testflight'].map((queue) => `${queue}#${id}`);
  expect(reads.mock.calls.slice(1).flat().sort()).toEqual(keys);
});

const key = 'request-1';
test.each<[string, SubmitOptions, FindOptions, answer: string]>([
  ['a principal', { principal: 'client-1' }, { principal: 'client-1' }, 'queued'],
  ['a principal with a key', { principal: 'client-1', key }, { principal: 'client-1' }, 'queued'],
  ['a caller without a principal', {}, {}, 'queued'],
  ['the API itself', { principal: 'client-1' }, { system: true }, 'queued'],
  ['the API itself, for its own job,', { system: true, key }, { system: true }, 'queued'],
  ['another principal', { principal: 'client-1' }, { principal: 'client-2' }, 'JobNotFoundError'],
  ['a caller without a principal, if it has one,', { principal: 'client-1' }, {}, 'JobNotFoundError'],
  ['a principal, if it was sent without one,', {}, { principal: 'client-1' }, 'JobNotFoundError'],
  ['a caller without a principal, if it is of the system,', { system: true, key }, {}, 'JobNotFoundError'],
])('%s that finds or cancels a job gets what it may', async (_who, sent, asked, answer) => {
  const { jobs, producer, rows } = setUp();
  const { id } = await producer.feedback(feedback, sent);

  const asking = [jobs.get(id, asked), jobs.cancel(id, asked)];
  const answers = asking.map((one) => one.catch(({ name }: Error) => ({ state: name })));

  expect(await Promise.all(answers)).toMatchObject([{ state: answer }, { state: answer }]);
  expect(JSON.stringify(rows())).not.toContain('client-1');
});

test('whose job it is, is known while the hash key changes', async () => {
  const { deps, jobs, producer } = setUp();
  const { id } = await producer.feedback(feedback, { principal: 'client-1' });
  const hashPeople = async () => hashesWith(['b'.repeat(32), HASH_KEY]);
  const changed = jobsOf({ ...deps, hashPeople });

  expect(await changed.get(id, { principal: 'client-1' })).toEqual(await jobs.get(id, { principal: 'client-1' }));
});

const odd = (value: unknown) => value as never;

test.each([
  ['id: must be a string', undefined, {}],
  ['id: must not be empty', '', {}],
  ['id: must be at most 255 characters', 'x'.repeat(3_000), {}],
  ['queue: must be one of feedback, emails, testflight, analytics', 'id', { queue: 'orders' }],
  ['principal: must not be blank', 'id', { principal: '' }],
  ['system: must be one of true', 'id', { system: false }],
  ['principle: must be left out, because there is no such field', 'id', { principle: 'client-1' }],
])('a question that breaks a rule is refused by its name: %s', async (message, id, options) => {
  const { jobs, reads } = setUp();
  const refused = { name: 'InvalidJobError', message: expect.stringContaining(message) };

  for (const answer of [jobs.get(odd(id), odd(options)), jobs.cancel(odd(id), odd(options))])
    await expect(answer).rejects.toMatchObject(refused);
  expect(reads).not.toHaveBeenCalled();
});

test('a wait for a job asks after growing pauses, over failures, until its end or its own', async () => {
  const clock = memoryClock();
  const from = clock.now();
  const at: number[] = [];
  const running = { id: 'id', state: 'processing' as const, ended: false };
  const down = new StoreError({ code: 'DynamoDB.TimeoutError', message: 'no answer' });
  const get = async () => {
    at.push(clock.now() - from);
    if (at.length === 2) throw down;
    return at.length < 5 ? running : { id: 'id', state: 'succeeded' as const, ended: true };
  };
  const wait = waiting(get, { now: clock.now, sleep: async (ms) => clock.advance(ms) });

  expect(await wait('id')).toMatchObject({ state: 'succeeded' });
  expect(at).toEqual([0, 200, 500, 950, 1_625]);
  at.length = 0;
  const late = 'the job has not ended (processing)';
  await expect(wait('id', { timeoutMs: 600 })).rejects.toMatchObject({ code: 'Producer.NotEnded', message: late });
});
