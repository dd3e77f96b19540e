import * as z from 'zod';
import { createLedger, LeaseLostError } from '../../../../lib/engine/jobs/ledger';
import type { JobRow } from '../../../../lib/engine/jobs/row';
import { giveBack, succeed } from '../../../../lib/engine/jobs/transitions';
import { createLease, type StepOptions } from '../../../../lib/engine/worker/steps';
import { AmbiguousError, TransientError, WaitError } from '../../../../lib/platform/errors';
import { acceptedRow } from '../../../support/accepted-row';
import { envelope, jobId, memoryEngine } from '../../../support/engine';
import { outage } from '../../../support/faults';
import { memoryClock, memoryRandom } from '../../../support/memory-clock';
import { memoryTable } from '../../../support/memory-table';
import { openAccepted } from '../../../support/opening';
import { sampleContract, sampleOf } from '../../../support/sample-contract';

const LEASE_MS = 45_000;

function start() {
  const clock = memoryClock();
  const { key } = acceptedRow(clock.now());
  const settings = () => ({ retention: 86_400 });
  const ledger = createLedger({ table: memoryTable(), clock, random: memoryRandom(), settings });
  const take = (token: string, at = clock.now()) => openAccepted({ ledger, clock, token, at, leaseMs: LEASE_MS });
  const taken = async (token: string, now?: number) => {
    const claimed = await take(token, now);
    if (claimed.kind !== 'claimed') throw new Error(`the claim of ${token} is ${claimed.kind}`);
    return claimed.row;
  };
  return { clock, ledger, key, take, taken };
}

test('a job is busy to the last millisecond of a lease, and free from then on', async () => {
  const { clock, take, taken } = start();
  const until = clock.now() + LEASE_MS;
  await taken('first');

  const before = await take('second', until - 1);
  const after = await take('third', until);

  expect(before).toMatchObject({ kind: 'busy', until });
  expect(after.kind).toBe('claimed');
});

test('a run whose job another run has taken cannot write anything', async () => {
  const { clock, ledger, key, taken } = start();
  const lost = createLease(ledger, await taken('first'));
  const second = await taken('second', clock.now() + LEASE_MS);
  lost.stage((row) => row);

  await expect(lost.flush()).rejects.toThrow(LeaseLostError);
  expect(await ledger.get(key)).toEqual(second);
});

test('a run that has written its outcome does not give the job back', async () => {
  const { clock, ledger, key, taken } = start();
  const lease = createLease(ledger, await taken('first'));
  const run = { at: clock.now(), messageId: 'message of first' };
  const ended = await lease.end((row) => succeed(row, { ...run, result: 1 }));

  await lease.abandon((row) => giveBack(row, run));

  expect(await ledger.get(key)).toEqual(ended);
});

test('a bug after the outcome is stored runs nothing again', async () => {
  let runs = 0;
  const process = async () => void runs++;
  const engine = memoryEngine(() => sampleOf({ schema: z.strictObject({}), process }), {
    before: (call) => {
      if (call === 'objects.create') throw new TypeError('a bug');
    },
  });

  await engine.sendAndDeliver(envelope());

  expect(runs).toBe(1);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', attempts: 1 });
});

test('a step that a 429 has undone is stored as such before the worker waits', async () => {
  let limited = true;
  let stored: unknown;
  const contract = sampleOf({
    schema: z.strictObject({}),
    process: async (_job, { steps }) =>
      steps.step('effect', {
        run: async () => {
          if (limited) throw new WaitError({ code: 'RateLimited', message: '429', waitMs: 1_000 });
        },
      }),
  });
  const engine = memoryEngine(() => contract);
  const { sleep } = engine.clock;
  engine.clock.sleep = (ms) => {
    stored ??= engine.row(jobId(1)).steps;
    limited = false;
    return sleep(ms);
  };

  await engine.sendAndDeliver(envelope());

  expect(stored).toEqual({});
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded' });
});

test('our own deadline cuts no call, so a slow vendor costs neither an attempt nor its circuit, and no call outlives its run', async () => {
  const CALL_MS = 9_500;
  const spareMs: number[] = [];
  const contract = sampleOf({
    schema: z.strictObject({}),
    process: async (_job, { steps, vendor, callTimeoutMs, remainingMs }) => {
      const call = async () => {
        const timeoutMs = callTimeoutMs();
        spareMs.push(remainingMs() - timeoutMs);
        await engine.clock.sleep(Math.min(CALL_MS, timeoutMs));
        if (timeoutMs < CALL_MS) throw new AmbiguousError({ code: 'ZendeskTimeout', message: '?', vendor: 'zendesk' });
      };
      for (let file = 0; file < 12; file++)
        await steps.step(`${file}`, { resolve: async () => undefined, run: () => vendor('zendesk', call) });
    },
  });
  const engine = memoryEngine(() => contract);
  const begun = engine.clock.now();
  engine.send(envelope());

  await engine.work();

  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', attempts: 1 });
  expect(engine.clock.now() - begun).toBe(12 * CALL_MS);
  expect(Math.min(...spareMs)).toBeGreaterThanOrEqual(0);
  expect(await engine.deps.circuits.read('zendesk')).toBeUndefined();
});

const asked = { resolve: async () => undefined };

test.each<[string, Partial<StepOptions<unknown>>, { saves: boolean; writes: number }]>([
  ['is the only write before a call that its vendor can be asked about', asked, { saves: false, writes: 1 }],
  ['saves no write of a mail, so a mail is never called without its own start', {}, { saves: false, writes: 2 }],
  ['saves no write after another write of the run, which has removed it', asked, { saves: true, writes: 3 }],
])('the start of the first step in the claim %s', async (_what, options, { saves, writes }) => {
  let puts = 0;
  let seen: unknown;
  const contract = sampleOf({
    schema: z.strictObject({}),
    first: () => 'effect',
    process: async (_job, { steps }) => {
      if (saves) await steps.save();
      const run = async () => {
        seen = [engine.row(jobId(1)).steps, puts];
      };
      return steps.step<unknown>('effect', { ...options, run });
    },
  });
  const engine = memoryEngine(() => contract, {
    before: (call) => {
      if (call === 'table.put') puts++;
    },
  });

  await engine.sendAndDeliver(envelope());

  expect(seen).toEqual([{ effect: expect.objectContaining({ status: 'started' }) }, writes]);
  expect(engine.row(jobId(1)).steps).toMatchObject({ effect: { status: 'done' } });
});

test('a step whose vendor is stopped is never stored as started, so a worker that dies leaves nothing unknown', async () => {
  const started: unknown[] = [];
  const contract = sampleOf({
    schema: z.strictObject({}),
    process: async (_job, { steps, vendor }) =>
      steps.step('effect', { vendor: 'zendesk', run: () => vendor('zendesk', async () => 1) }),
  });
  const engine = memoryEngine(() => contract, {
    before: (call, about) => {
      const { steps } = about as { steps?: JobRow['steps'] };
      if (call === 'table.put' && steps?.effect) started.push(steps.effect);
    },
  });
  await engine.deps.circuits.open('zendesk', 'Unauthorized');

  await engine.sendAndDeliver(envelope());

  expect(engine.row(jobId(1))).toMatchObject({ state: 'held', reason: 'stopped', steps: {} });
  expect(started).toEqual([]);
});

test('a step whose start the table refused is not begun, so the next run makes its call', async () => {
  const store = outage('table.put', { down: false });
  let calls = 0;
  let runs = 0;
  const contract = sampleOf({
    schema: z.strictObject({}),
    process: async (_job, { steps }) => {
      store.down = runs++ === 0;
      return steps.step('effect', { run: async () => ++calls });
    },
  });
  const engine = memoryEngine(() => contract, {
    before: (call, about) => {
      if (engine.clock.now() > until) store.down = false;
      store.before(call, about);
    },
  });
  const until = engine.clock.now() + 5_000;

  await engine.sendAndDeliver(envelope());

  const row = engine.row(jobId(1));
  expect(row).toMatchObject({ state: 'succeeded', result: 1, crashes: 0 });
  expect(row.history.map(({ event }) => event)).toEqual(['started', 'given back', 'started', 'succeeded']);
});

test.each([
  ['has invalid data', { data: { name: 'too long for this' } }, 'dead'],
  ['is refused by an open circuit', {}, 'held'],
])('a job that %s does not look started', async (_why, changes, state) => {
  const { contract } = sampleContract(undefined, { begins: true });
  const engine = memoryEngine(() => contract);
  await engine.deps.circuits.open('zendesk', 'Unauthorized');

  await engine.sendAndDeliver(envelope(1, changes));

  expect(engine.row(jobId(1))).toMatchObject({ state, steps: {} });
});

test('a skipped step does not run again', async () => {
  let calls = 0;
  const contract = sampleOf({
    schema: z.strictObject({}),
    process: async (_job, { steps }) => {
      steps.skip('effect', 'NotNeeded');
      return steps.step('effect', { run: async () => ++calls });
    },
  });
  const engine = memoryEngine(() => contract);

  await engine.sendAndDeliver(envelope());

  expect(calls).toBe(0);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', steps: { effect: { status: 'skipped' } } });
});

test('a call without an answer makes its step unknown at once, and the step says why', async () => {
  const contract = sampleOf({
    schema: z.strictObject({}),
    process: async (_job, { steps }) => steps.step('effect', { run: () => act('unknown') }),
  });
  const engine = memoryEngine(() => contract);

  await engine.sendAndDeliver(envelope());

  expect(engine.row(jobId(1)).steps.effect).toMatchObject({ status: 'unknown', reason: 'Timeout' });
});

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
function aJob() {
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
      const runs = () => row().history.filter(({ event }) => event === 'started').length;
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

/**
 * What happens to a job: runs, evidence, a copy of its message. Text with a blank is the state and the reason that the
 * job must have by then.
 */
type Course = (Run | 'prove' | 'copy' | `${string} ${string}`)[];

async function follow({ engine, run, prove, row }: ReturnType<typeof aJob>, course: Course): Promise<void> {
  for (const step of course)
    if (step === 'prove') await prove();
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
      'counts as no failed attempt, so the later steps have all attempts that are left',
      ['prove', ...times(3 - before, fails)],
      { ...down, attempts: 3 },
      3 * (3 - before),
    ],
    ['does not reset the limit for crashes: two more park the job', ['prove', dies, dies, {}], crashLoop, 2],
    [
      'is not called again, whatever messages of its job arrive, and is done once evidence proves it',
      [...times(4, 'copy' as const), 'held unknown', 'prove', {}],
      { state: 'succeeded', steps: { send: { status: 'done', result: 'seen as delivered' } } },
      1,
    ],
  ])('%s', async (_what, course, end, tell) => {
    const job = aJob();
    await follow(job, [...times(before, { send: 'fails' as const }), { send: 'unknown' }, 'held unknown']);
    const { send } = job.calls;

    await follow(job, course);

    expect(job.row()).toMatchObject(end);
    expect(job.calls).toEqual({ send, tell });
  });
});

const proven = { state: 'succeeded', steps: { send: { result: 'seen as delivered' } } };
const once = { send: 1, tell: 1 };
const waitsBetween: Course = [dies, waits, dies, waits, dies, {}];

// Each run that fails has two quick retries.
test.each<[string, Course, object, { send?: number; tell: number }]>([
  ['a step without an answer is done if evidence came meanwhile', [{ send: 'unknown', seen: true }, {}], proven, once],
  ['a step is not repeated if evidence contradicts its error', [{ send: 'breaks', seen: true }, {}], proven, once],
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
  ['a job that waits between its crashes is parked after the third crash', waitsBetween, crashLoop, { tell: 5 }],
])('%s', async (_what, course, end, calls) => {
  const job = aJob();

  await follow(job, course);

  expect(job.row()).toMatchObject(end);
  expect(job.calls).toMatchObject(calls);
});
