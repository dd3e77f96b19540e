import { hashesWith, personHashes } from '../../../../lib/engine/jobs/person-hash';
import { type JobFilter, listJobs } from '../../../../lib/operate/ops/search';
import { PermanentError, StoreError, WaitError } from '../../../../lib/platform/errors';
import { feedbackPerson } from '../../../../lib/queues/feedback/message';
import { VENDORS } from '../../../../lib/queues/queues';
import { acceptedRow } from '../../../support/accepted-row';
import { envelope, jobId, memoryEngine } from '../../../support/engine';
import { HASH_KEY, hashed } from '../../../support/hash-people';
import { sampleContract } from '../../../support/sample-contract';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const BEGIN = Date.UTC(2026, 0, 2, 3, 4, 5);
const [jane] = hashed(feedbackPerson({ user: { id: 'u-1', email: 'jane@example.com' } }));
const [joe] = hashed(feedbackPerson({ user: { email: 'joe@example.com' } }));

/** Of u-1: 1 succeeded, 2 is dead. Of joe: 3 is held. An hour later, 4 of another user succeeded. */
async function someJobs() {
  const { contract } = sampleContract(({ id }) => {
    if (id === jobId(2)) throw new PermanentError({ code: 'Rejected', message: 'rejected', vendor: 'zendesk' });
    if (id === jobId(3))
      throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'sendgrid', waitMs: 5 * MINUTE });
    return { id: 70 + Number(id.at(-1)) };
  });
  const engine = memoryEngine(() => ({ ...contract, queue: 'feedback' }));
  const send = (n: number, group: string, time: number) =>
    engine.send(envelope(n, { time: new Date(time).toISOString(), correlationid: `request-${n}` }), { group });
  const messages = [send(1, jane, BEGIN), send(2, jane, BEGIN), send(3, joe, BEGIN)];
  for (let n = 0; n < 2; n++) await engine.deliver();
  messages.push(send(4, 'another', BEGIN + HOUR));
  await engine.deliver();
  engine.clock.advance(2 * HOUR);
  return { engine, messages };
}

async function found({ engine }: Awaited<ReturnType<typeof someJobs>>, filter: JobFilter) {
  const { rows, where } = await listJobs(engine.deps, filter);
  return { ids: rows.map(({ id }) => Number(id.at(-1))).sort(), where };
}

const WHERE = {
  open: 'Only jobs that wait',
  group: 'These are the jobs of this person',
  hours: 'The search goes from the newest job',
};

test.each<[JobFilter, keyof typeof WHERE, number[]]>([
  [{}, 'open', [2, 3]],
  [{ reason: 'throttled' }, 'open', [3]],
  [{ code: 'Rejected' }, 'open', [2]],
  [{ code: 'Rejected', reason: 'throttled' }, 'open', []],
  [{ vendor: 'zendesk' }, 'open', [2]],
  [{ mention: 'request-3' }, 'open', [3]],
  [{ user: 'u-1' }, 'group', [1, 2]],
  [{ email: 'JOE@example.com' }, 'group', [3]],
  [{ user: 'u-1', email: 'joe@example.com' }, 'group', [1, 2, 3]],
  [{ group: 'another' }, 'group', [4]],
  [{ group: 'another', user: 'u-1' }, 'group', []],
  [{ user: 'u-1', state: 'dead' }, 'group', [2]],
  [{ from: BEGIN }, 'hours', [1, 2, 3, 4]],
  [{ from: BEGIN, to: BEGIN + HOUR }, 'hours', [1, 2, 3]],
  [{ from: BEGIN, state: 'succeeded' }, 'hours', [1, 4]],
  [{ from: BEGIN, mention: 'request-4' }, 'hours', [4]],
  [{ state: 'succeeded' }, 'hours', [1, 4]],
  [{ from: BEGIN, part: jobId(4).slice(-5) }, 'hours', [4]],
  // Hours only narrow a search for a person, which reads no hour.
  [{ user: 'u-1', from: 0 }, 'group', [1, 2]],
  [{ user: 'u-1', to: BEGIN }, 'group', []],
])('the filter %j searches %s and finds jobs %j', async (filter, scope, ids) => {
  expect(await found(await someJobs(), filter)).toEqual({ ids, where: expect.stringContaining(WHERE[scope]) });
});

test('a job is found by the message that brought it, by the id of what its step made, and by its ticket', async () => {
  const made = await someJobs();
  const row = made.engine.row(jobId(1));
  const ticket = { status: 'done' as const, startedAt: 1, result: { id: 4711 } };
  await made.engine.deps.ledger.write({ ...row, steps: { ticket } }, row.version);

  expect((await found(made, { from: BEGIN, mention: made.messages[3] ?? '' })).ids).toEqual([4]);
  expect((await found(made, { from: BEGIN, mention: '74' })).ids).toEqual([4]);
  expect((await found(made, { from: BEGIN, mention: '4711' })).ids).toEqual([1]);
});

test.each<[JobFilter, string]>([
  [{ vendor: 'zendisk' }, `--vendor must be one of ${VENDORS.join(', ')}, is zendisk`],
  [{ reason: 'throtled' }, '--job-reason must be one of'],
  [
    { state: 'ded' },
    '--state must be one of queued, processing, held, succeeded, dead, cancelled, discarded, replaced, is ded',
  ],
  [{ from: BEGIN, to: BEGIN }, '--from must be before --to'],
])('the filter %j is refused before anything is read', async (filter, message) => {
  const { engine } = await someJobs();

  await expect(listJobs(engine.deps, filter)).rejects.toThrow(message);
});

test('a search that was stopped before the next read says that there are more', async () => {
  const { engine } = await someJobs();
  const stop = new AbortController();
  const onProgress = jest.fn(() => stop.abort());

  const { next } = await listJobs(engine.deps, {}, { signal: stop.signal, onProgress });

  expect(next).toEqual(expect.any(String));
  expect(onProgress).toHaveBeenCalledTimes(1);
});

test('pages hold each job of all queues once, the newest first, also if many came in the same millisecond', async () => {
  const { deps } = memoryEngine(() => sampleContract().contract);
  const reader = { ...deps, queueNames: ['emails', 'feedback'] };
  const of = (n: number, queue: string) => ({ ...acceptedRow(0), id: jobId(n), queue, key: `${queue}#${jobId(n)}` });
  for (const n of Array.from({ length: 12 }, (_, n) => n))
    await deps.ledger.write({ ...of(n, n % 3 ? 'emails' : 'feedback'), time: BEGIN + Math.floor(n / 4) }, 0);

  const pagesOf = async (filter: JobFilter, limit: number) => {
    const pages: number[][] = [];
    for (let after: string | undefined = ''; after !== undefined; ) {
      const { rows, next } = await listJobs(reader, filter, { all: true, limit, after: after || undefined });
      pages.push(rows.map(({ time }) => time - BEGIN));
      after = next;
    }
    return pages.map(String);
  };

  expect(await pagesOf({}, 5)).toEqual(['2,2,2,2,1', '1,1,1,0,0', '0,0']);
  expect(await pagesOf({ from: BEGIN, to: BEGIN + 1 }, 1)).toEqual(['0', '0', '0', '0']);
  await expect(listJobs(reader, {}, { after: '["7"]' })).rejects.toThrow('The next page is not of this search');
});

test('a person is found by the hash with the new key and by the one with the old key', async () => {
  const keys = ['a'.repeat(32), HASH_KEY] as const;
  const made = await someJobs();
  const [keyed] = hashesWith(keys)(feedbackPerson({ user: { email: 'joe@example.com' } }));
  await made.engine.sendAndDeliver(envelope(5, { time: new Date(BEGIN).toISOString() }), { group: keyed });
  made.engine.deps.hashPeople = async () => hashesWith(keys);

  expect((await found(made, { email: 'Joe@example.com' })).ids).toEqual([3, 5]);
});

test('a search for a person says that it needs the hash key, and other searches need none', async () => {
  const made = await someJobs();
  const denied = new StoreError({ code: 'SSM.AccessDeniedException', message: 'SSM GetParameter failed' });
  made.engine.deps.hashPeople = personHashes(() => Promise.reject(denied), made.engine.clock);

  await expect(found(made, { email: 'joe@example.com' })).rejects.toThrow(
    "A search for a person needs the instance's hash key: SSM.AccessDeniedException: SSM GetParameter failed",
  );
  expect((await found(made, { group: joe })).ids).toEqual([3]);
});
