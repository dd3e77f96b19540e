import { BY_ITS_PRODUCER } from '../../../lib/engine/jobs/row';
import { IdempotencyConflictError, invalid, JobNotFoundError } from '../../../lib/engine/submit/errors';
import { type Submission, submit } from '../../../lib/engine/submit/submit';
import { cancel, retry } from '../../../lib/operate/ops/act';
import { WaitError } from '../../../lib/platform/errors';
import { jobsOf } from '../../../packages/producer/jobs';
import { type EngineOptions, jobId, memoryEngine } from '../../support/engine';
import { outage } from '../../support/faults';
import { SAMPLE_QUEUE, sampleContract } from '../../support/sample-contract';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** `busy`: the vendor lets each job wait for ten minutes. */
function start({ busy = false, ...options }: EngineOptions & { busy?: boolean } = {}) {
  const { contract, effects } = sampleContract(() => {
    if (busy)
      throw new WaitError({ code: 'Throttled', message: 'no', vendor: 'zendesk', status: 429, waitMs: 600_000 });
  });
  const engine = memoryEngine(() => contract, options);
  const deps = { ...engine.deps, source: '/my/api' };
  const jobs = jobsOf(engine.deps);
  const job = { queue: SAMPLE_QUEUE, type: 'sample.done.v1', data: { name: 'a' }, group: 'g' };
  const inMs = (ms: number) => new Date(engine.clock.now() + ms).toISOString();
  return {
    engine,
    jobs,
    effects,
    inMs,
    send: (changes: Partial<Submission> = {}) => submit(deps, { ...job, ...changes }),
    live: engine.minutes.bind(engine),
  };
}

test('a planned job waits outside the queue with its body, and starts within a minute of its time', async () => {
  const { engine, send, live, effects, inMs, jobs } = start();
  const notBefore = inMs(90_000);

  // SQS refuses two of these characters in a body.
  const { id, duplicate } = await send({ data: { name: 'a\uffffb\ufffe' }, notBefore });
  expect([duplicate, engine.inQueue()]).toEqual([false, 0]);
  expect(await jobs.get(id)).toMatchObject({ id, queue: SAMPLE_QUEUE, state: 'planned', notBefore, ended: false });
  await live(1);
  expect(effects).toEqual([]);
  await live(1);

  expect(effects).toEqual([id]);
  expect(Object.values(engine.records())).toMatchObject([{ state: 'succeeded', notBefore }]);
});

test('planned jobs go at their times even if the queue has no room for held jobs, in order in their group', async () => {
  const { send, live, effects, inMs } = start();
  const planned = [];
  for (let n = 0; n < 80; n++) planned.push((await send({ notBefore: inMs(30_000 - n), group: `g${n % 40}` })).id);

  await live(1);

  expect(effects.toSorted()).toEqual(planned.toSorted());
  expect(effects.indexOf(planned[40] ?? '')).toBeLessThan(effects.indexOf(planned[0] ?? ''));
});

test('a time too far ahead is refused, and nothing is stored. A time that is over is due at once', async () => {
  const { engine, send, live, effects, inMs } = start();

  await expect(send({ notBefore: inMs(30 * DAY + 5_000) })).rejects.toEqual(
    invalid('options.notBefore', 'must be at most 30 days ahead'),
  );
  expect([engine.table.items(), engine.objects.keys()]).toEqual([[], []]);

  const { id } = await send({ notBefore: inMs(-60_000) });
  await live(1);
  expect(effects).toEqual([id]);
});

test('a planned job with a key is the same when its call is repeated at any time. A call of another time or data conflicts', async () => {
  const { engine, send, live, effects, inMs } = start();
  const planned = { key: 'k', principal: 'client-1', notBefore: inMs(90_000) };
  const { id, time } = await send(planned);

  expect(await send(planned)).toEqual({ id, time, duplicate: true });
  for (const other of [{ notBefore: inMs(91_000) }, { notBefore: undefined }, { data: { name: 'other' } }])
    await expect(send({ ...planned, ...other })).rejects.toThrow(IdempotencyConflictError);
  await live(5);
  expect(effects).toEqual([id]);
  expect(await send(planned)).toEqual({ id, time, duplicate: true });
  await live(5);

  expect(effects).toEqual([id]);
  expect(engine.rows()).toHaveLength(1);
});

test('a planned job that no call finishes is cancelled, and can be planned again after its kept body was deleted', async () => {
  let dies = true;
  const { engine, send, live, effects, inMs } = start({
    after: (call) => {
      if (dies && call === 'objects.put') throw new Error('the process died');
    },
  });
  const planned = { key: 'k', principal: 'client-1', notBefore: inMs(2 * 60 * MINUTE) };
  await expect(send(planned)).rejects.toThrow('died');
  dies = false;
  await live(17);
  expect(engine.rows()).toMatchObject([{ state: 'cancelled', reason: 'never-sent', bodyKept: true }]);
  engine.clock.advance(44 * DAY);
  await live(1);
  const bodies = () => engine.objects.keys().filter((key) => key.includes('_bodies'));
  expect(bodies()).toEqual([]);

  const { id } = await send(planned);
  await live(2);

  expect(effects).toEqual([id]);
  expect(bodies()).toEqual([]);
});

test('jobs.cancel leaves a job alone that runs, has ended, waits for something else or is not known', async () => {
  const { send, jobs, live, inMs } = start();
  const { id } = await send({ notBefore: inMs(30_000) });
  const unplanned = await send({ data: {} });

  expect(await jobs.cancel(unplanned.id)).toMatchObject({ state: 'queued', cancelled: false });
  await live(2);

  expect(await jobs.cancel(id)).toMatchObject({ state: 'succeeded', cancelled: false });
  await expect(jobs.cancel(jobId(9))).rejects.toThrow(JobNotFoundError);
});

test('jobs.cancel says of a job that an operator cancelled whether it had started', async () => {
  const { engine, send, jobs } = start({ busy: true });
  const started = await send({ group: 'started' });
  await engine.deliver();
  const waiting = await send({ group: 'waiting' });
  for (const { id } of [started, waiting]) await cancel(engine.deps, engine.row(id));

  const answers = await Promise.all([started, waiting].map(({ id }) => jobs.cancel(id)));

  expect(answers.map(({ state }) => state)).toEqual(['cancelled', 'cancelled']);
  expect(answers.map(({ cancelled }) => cancelled)).toEqual([false, true]);
});

test.each([
  ['wins before the write', 'objects.get', true],
  ['loses after the write', 'queues.send', false],
])('jobs.cancel %s of a release, and a cancelled job never runs', async (_what, when, wins) => {
  const seen: boolean[] = [];
  const { engine, send, jobs, live, effects, inMs } = start({
    after: async (call) => {
      if (call === when) seen.push((await jobs.cancel(id)).cancelled);
    },
  });
  const { id } = await send({ notBefore: inMs(30_000) });

  await live(3);

  expect(seen).toEqual([wins]);
  expect(effects).toEqual(wins ? [] : [id]);
  expect(engine.row(id)).toMatchObject(
    wins ? { state: 'cancelled', cancelledBy: BY_ITS_PRODUCER } : { state: 'succeeded' },
  );
});

test("a repeated call does not plan a job again that an operator started, while the operator's message is not sent", async () => {
  const store = outage('queues.send', { down: false });
  const { engine, send, live, effects, inMs } = start(store);
  const planned = { key: 'k', principal: 'client-1', notBefore: inMs(10 * DAY) };
  const { id } = await send(planned);
  await cancel(engine.deps, engine.row(id));
  store.down = true;
  await retry(engine.deps, engine.row(id)).catch(() => {});
  store.down = false;

  const { duplicate } = await send(planned);
  const between = engine.row(id).state;
  await live(3);

  expect(duplicate).toBe(true);
  expect(between).toBe('queued');
  expect(effects).toEqual([id]);
});
