import * as z from 'zod';
import { AmbiguousError, TransientError, WaitError } from '../../../lib/errors';
import type { JobRow } from '../../../lib/jobs/row';
import { envelope, jobId, memoryEngine } from '../../support/engine';
import { sampleOf } from '../../support/sample-contract';

const MINUTE = 60_000;

/** What a step's call does. `unknown` gets no answer. */
type Does = 'fails' | 'unknown' | 'breaks' | 'dies' | 'waits' | 'works';

async function act(does: Does): Promise<string> {
  if (does === 'fails') throw new TransientError({ code: 'Down', message: 'down' });
  if (does === 'unknown') throw new AmbiguousError({ code: 'Timeout', message: 'no answer' });
  if (does === 'breaks') throw new Error('refused, it says');
  if (does === 'waits') throw new WaitError({ code: 'Busy', message: 'busy', waitMs: 10 * MINUTE });
  if (does === 'dies') return new Promise<never>(() => {});
  return 'sent';
}

/** What the steps do in one run. `seen`: evidence that `send` took effect comes during its call. */
type Run = Partial<Record<'send' | 'tell', Does>> & { seen?: true };

/** A job of two steps. The vendor cannot be asked about `send`. */
function start() {
  const calls = { send: 0, tell: 0 };
  let next: Run = {};
  const contract = sampleOf({
    schema: z.strictObject({}),
    process: async (_job, { steps }) => {
      const call = (step: 'send' | 'tell') => async () => {
        calls[step] += 1;
        if (next.seen) await prove();
        return act(next[step] ?? 'works');
      };
      await steps.step('send', { run: call('send'), proven: ({ event }) => `seen as ${event}` });
      await steps.step('tell', { run: call('tell'), resolve: async () => undefined });
    },
  });
  const engine = memoryEngine(() => contract);
  engine.send(envelope());
  const row = () => engine.row(jobId(1));
  /** Evidence from the vendor that the step took effect. */
  const prove = () =>
    engine.deps.ledger.update(row().key, (now) => ({
      ...now,
      evidence: { send: { at: engine.clock.now(), event: 'delivered' } },
    }));

  return {
    engine,
    calls,
    row,
    prove,
    /** Runs the job once, as soon as it is due. */
    async run(does: Run): Promise<void> {
      next = does;
      const runs = () => started(row());
      const before = engine.rows().length === 0 ? 0 : runs();
      for (let minute = 0; minute < 60; minute++) {
        await engine.reconcile();
        // A process that dies never answers.
        void engine.deliver();
        await new Promise(setImmediate);
        if (engine.rows().length > 0 && (runs() > before || row().state === 'dead'))
          return engine.clock.advance(MINUTE);
        engine.clock.advance(MINUTE);
      }
      throw new Error('the job did not run within an hour');
    },
  };
}

const started = ({ history }: JobRow): number => history.filter(({ event }) => event === 'started').length;

/**
 * What happens to a job: runs, evidence, a copy of its message, other waits between its attempts. Text with a blank is the state and the reason that the job must have by then.
 */
type Course = (Run | 'prove' | 'copy' | `${string} ${string}` | number[])[];

async function follow({ engine, run, prove, row }: ReturnType<typeof start>, course: Course): Promise<void> {
  for (const step of course)
    if (Array.isArray(step)) engine.deps.retryWaits = step;
    else if (step === 'prove') await prove();
    else if (step === 'copy') await engine.sendAndDeliver(envelope(), { of: jobId(1) });
    else if (typeof step === 'string') expect(`${row().state} ${row().reason}`).toBe(step);
    else await run(step);
}

const times = <T>(count: number, step: T): T[] => Array.from({ length: count }, () => step);
const fails = { tell: 'fails' } as const;
const dies = { tell: 'dies' } as const;
const waits = { tell: 'waits' } as const;
const down = { state: 'dead', reason: 'error', error: { code: 'Down' } };
const crashLoop = { state: 'dead', reason: 'crash', error: { code: 'CrashLoop' } };

describe.each([0, 1, 2])('a step that is unknown after %i failed attempts', (before) => {
  test.each<[string, Course, object, number]>([
    [
      'makes its job a success once evidence proves it',
      ['prove', {}],
      { state: 'succeeded', steps: { send: { status: 'done', result: 'seen as delivered' } } },
      1,
    ],
    [
      'counts as no failed attempt, so the later steps have all attempts that are left',
      ['prove', ...times(3 - before, fails)],
      { ...down, attempts: 3 },
      3 * (3 - before),
    ],
    ['and one crash after it do not make the job a poison message', ['prove', dies, {}], { state: 'succeeded' }, 2],
    ['does not reset the limit for crashes: two more park the job', ['prove', dies, dies, {}], crashLoop, 2],
    [
      'is not called again, no matter how many other messages of its job arrive',
      [...times(4, 'copy' as const), 'held unknown', 'prove', {}],
      { state: 'succeeded' },
      1,
    ],
  ])('%s', async (_what, course, end, tell) => {
    const job = start();
    await follow(job, [...times(before, { send: 'fails' as const }), { send: 'unknown' }, 'held unknown']);
    const { send } = job.calls;

    await follow(job, course);

    expect(job.row()).toMatchObject(end);
    expect(job.calls).toEqual({ send, tell });
  });
});

// Each run that fails has two quick retries.
test.each<[string, Course, object, { send?: number; tell: number }]>([
  [
    'a step without an answer is done if evidence of it came while it ran',
    [{ send: 'unknown', seen: true }, {}],
    { state: 'succeeded', steps: { send: { result: 'seen as delivered' } } },
    { send: 1, tell: 1 },
  ],
  [
    'a step is not repeated if evidence contradicts an error that is not ours',
    [{ send: 'breaks', seen: true }, {}],
    { state: 'succeeded', steps: { send: { result: 'seen as delivered' } } },
    { send: 1, tell: 1 },
  ],
  [
    'a step that had started when the third attempt crashed waits for evidence and is not given up',
    [{ send: 'fails' }, { send: 'fails' }, { send: 'dies' }, {}, 'held unknown', 'prove', {}],
    { state: 'succeeded' },
    { send: 3 + 3 + 1, tell: 1 },
  ],
  [
    'a job whose third attempt crashed has one more attempt, and ends with the error of that attempt',
    [fails, fails, dies, fails],
    down,
    { tell: 3 + 3 + 1 + 3 },
  ],
  [
    'a job that waits between its crashes is parked after the third crash',
    [dies, waits, dies, waits, dies, {}],
    crashLoop,
    { tell: 5 },
  ],
  [
    'a job far above the new number of attempts is parked when it fails once more',
    [times(9, 60), ...times(7, fails), [60], dies, fails],
    down,
    { tell: 7 * 3 + 1 + 3 },
  ],
  [
    'with more attempts a job goes on, even after its last receive',
    [fails, fails, [60, 900, 1800], fails, 'held retry', {}],
    { state: 'succeeded', attempts: 4 },
    { tell: 3 + 3 + 3 + 1 },
  ],
])('%s', async (_what, course, end, calls) => {
  const job = start();

  await follow(job, course);

  expect(job.row()).toMatchObject(end);
  expect(job.calls).toMatchObject(calls);
});
