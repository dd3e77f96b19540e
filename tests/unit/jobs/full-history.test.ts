import { PermanentError, TransientError, WaitError } from '../../../lib/errors';
import type { HistoryEntry } from '../../../lib/jobs/row';
import { discard, retry } from '../../../lib/ops/act';
import { actOnEach, mayTouch } from '../../../lib/ops/many';
import { listJobs } from '../../../lib/ops/search';
import { explain } from '../../../packages/console/explain';
import { spendReceives } from '../../support/dead-letters';
import { envelope, jobId, type memoryEngine } from '../../support/engine';
import { sampleEngine } from '../../support/sample-contract';

const MINUTE = 60_000;
const REJECTED = new PermanentError({ code: 'Rejected', message: 'rejected' });
const FAILED = new TransientError({ code: 'Failed', message: 'failed' });
/** A run tries a call again at once. */
const FAILS = [FAILED, FAILED, FAILED];
const THROTTLED = new WaitError({ code: 'Throttled', message: 'throttled', waitMs: 10 * MINUTE });

type Engine = ReturnType<typeof memoryEngine>;

interface Case {
  /** The outcomes of the job's runs, one after the other. After them, a run succeeds. */
  outcomes: Error[];
  /** Brings the job to where its history is full. */
  before: (engine: Engine) => Promise<unknown>;
  /** What the engine then says or does. */
  after: (engine: Engine) => Promise<unknown>;
}

const row = (engine: Engine) => engine.row(jobId(1));
const metric = (engine: Engine, wanted: string) => engine.metrics.findLast(({ name }) => name === wanted)?.value;
const touched = async ({ deps, clock }: Engine) => {
  const began = clock.now() + 1;
  const signal = new AbortController().signal;
  const { rows } = await listJobs(deps, {}, { keep: (row) => mayTouch('retry', row, began) });
  return (await actOnEach(deps, rows, { action: 'retry', began, signal, onProgress: () => {} })).done.length;
};

const CASES: Record<string, Case> = {
  'how long a job has been held': {
    outcomes: [THROTTLED, THROTTLED],
    before: async (engine) => {
      await engine.deliver();
      await engine.minutes(11);
    },
    after: async (engine) => {
      await engine.reconcile();
      return metric(engine, 'OldestHeld');
    },
  },
  'since when a retried job is due': {
    outcomes: [REJECTED, ...FAILS],
    before: async (engine) => {
      await engine.deliver();
      engine.clock.advance(60 * MINUTE);
      await retry(engine.deps, row(engine));
      await engine.deliver();
      engine.clock.advance(MINUTE);
    },
    after: async (engine) => {
      await engine.deliver();
      return metric(engine, 'TimeToFinish');
    },
  },
  'that an operator discarded a dead job': {
    outcomes: [REJECTED],
    before: async (engine) => {
      await engine.deliver();
      await discard(engine.deps, row(engine));
    },
    after: async (engine) => [explain(row(engine), engine.clock.now()), await touched(engine)],
  },
  'that the message which was returned first had an outcome': {
    outcomes: FAILS,
    before: async (engine) => {
      for (const n of [2, 3]) engine.send(envelope(n), { group: `g${n}` });
      spendReceives(engine);
      await engine.reconcile();
      await engine.deliver();
      engine.clock.advance(MINUTE);
    },
    after: async (engine) => {
      await engine.reconcile();
      return engine.inQueue();
    },
  },
};

/** What a case says, if something happens to the history of all rows before. */
async function said({ outcomes, before, after }: Case, change: (history: HistoryEntry[]) => HistoryEntry[]) {
  const left = [...outcomes];
  const { engine } = sampleEngine(() => {
    const outcome = left.shift();
    if (outcome) throw outcome;
  });
  await engine.accept(envelope());
  await before(engine);
  for (const { key } of engine.rows())
    await engine.deps.ledger.update(key, (now) => ({ ...now, history: change(now.history) }));
  return after(engine);
}

test.each(Object.entries(CASES))(
  'a history that has lost what it had says nothing else about %s',
  async (_what, given) => {
    const whole = await said(given, (history) => history);

    const lost = await said(given, (history) =>
      Array.from({ length: 100 }, () => ({ ...(history[0] as HistoryEntry), at: 0 })),
    );

    expect(lost).toEqual(whole);
    expect(whole).toBeDefined();
  },
);
