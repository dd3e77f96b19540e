import { JobError, refusesRequest, type Vendor, VerdictError } from '../../platform/errors';
import type { Clock } from '../../platform/ports';
import { tracedStep } from '../../platform/trace';
import { LeaseLostError, type Ledger } from '../jobs/ledger';
import { type Evidence, type JobRow, type Lack, type Owed, type Step, withoutStep } from '../jobs/row';

const notKnown = (step: string, cause?: unknown): VerdictError =>
  new VerdictError('unknown', { message: `it is not known whether ${step} took effect`, cause });

export interface StepOptions<R> {
  /** The side effect. Its result is stored, so it must be small and hold no personal data. */
  run: () => Promise<R>;
  /**
   * Asks the vendor whether the effect happened. Returns its result, or `undefined` if it did not happen. Without this
   * function the vendor cannot be asked, and the step becomes `unknown`.
   */
  resolve?: () => Promise<R | undefined>;
  /** The step's result according to evidence. */
  proven?: (evidence: Evidence) => R;
  /** The vendor of a step without `resolve`. If its circuit refuses the call, the step is never stored as started. */
  vendor?: Vendor;
  /** Only a resumed run may read the result. No record and no answer shows it. */
  confidential?: boolean;
  /** Whether a done step must run again because its result is no longer valid, for example an expired token. */
  stale?: (result: R, endedAt: number) => boolean;
}

export type Steps = ReturnType<typeof createSteps>;

type StepDeps = { lease: Lease; clock: Clock; prepare: (vendor: Vendor) => Promise<void> };

/** The writes of a step. Each is staged, and the next write of the row has it. */
function stepWrites({ lease, clock }: Pick<StepDeps, 'lease' | 'clock'>) {
  const set = (name: string, step: Step) => lease.stage((row) => ({ ...row, steps: { ...row.steps, [name]: step } }));
  const forget = (name: string) => lease.stage((row) => ({ ...row, steps: withoutStep(row.steps, name) }));
  return {
    set,
    forget,
    done: <R>(name: string, step: Step, result: R, confidential = false) =>
      set(name, {
        ...step,
        status: 'done',
        endedAt: clock.now(),
        ...(confidential ? { confidential: result } : { result }),
      }),
    /** A call without an effect leaves the step as it was. An earlier one may still arrive, whatever the vendor said. */
    undo: (name: string, before: Step | undefined, error: unknown) => {
      if (before?.status !== 'started') forget(name);
      else set(name, { ...before, ...(refusesRequest(error) ? { reason: (error as JobError).code } : {}) });
    },
    unknown: (name: string, step: Step, cause?: unknown): VerdictError => {
      const reason = cause instanceof JobError ? cause.code : 'NoAnswer';
      set(name, { ...step, status: 'unknown', endedAt: clock.now(), reason });
      return notKnown(name, cause);
    },
  };
}

/** The result of a step that must not run: an earlier run, evidence or the vendor says what it did. */
async function knownResult<R>(
  lease: Lease,
  { done, unknown }: ReturnType<typeof stepWrites>,
  { name, before, stale, proven, resolve, confidential }: StepOptions<R> & { name: string; before: Step | undefined },
): Promise<{ result: R } | undefined> {
  if (before?.status === 'done') {
    const result = (before.confidential ?? before.result) as R;
    return stale?.(result, before.endedAt ?? before.startedAt) ? undefined : { result };
  }
  if (before?.status === 'skipped') return { result: undefined as R };
  const evidence = lease.row().evidence?.[name];
  if (evidence) {
    const result = proven?.(evidence) as R;
    done(name, before ?? { status: 'done', startedAt: evidence.at }, result, confidential);
    return { result };
  }
  if (before?.status === 'unknown') throw notKnown(name);
  if (before?.status !== 'started') return undefined;
  if (!resolve) throw unknown(name, before);
  const result = await resolve();
  if (result === undefined) return undefined;
  done(name, before, result, confidential);
  return { result };
}

/**
 * A step is stored as `started` before its call, the first one perhaps by the claim. Its result is stored together with
 * the start of the next step or with the outcome, so there must be no other side effect in between.
 */
export function createSteps({ lease, clock, prepare }: StepDeps) {
  const writes = stepWrites({ lease, clock });
  const { set, done, undo, unknown, forget } = writes;

  /** Runs a step once. Returns `undefined` for a skipped step, and for a step that evidence proved without `proven`. */
  async function step<R>(name: string, options: StepOptions<R>): Promise<R> {
    const before = lease.row().steps[name];
    const known = await knownResult(lease, writes, { name, before, ...options });
    if (known) return known.result;
    if (options.vendor) await prepare(options.vendor);
    const begun = options.resolve && lease.begun(name);
    const started: Step = begun ?? { status: 'started', startedAt: clock.now() };
    set(name, started);
    // If this write fails, the run makes no call. A later write of it must not say that it did.
    if (!begun)
      await lease.flush().catch((error: unknown) => {
        undo(name, before, error);
        throw error;
      });
    try {
      const result = await tracedStep(name, options.run);
      done(name, started, result, options.confidential);
      return result;
    } catch (error) {
      if (!mayHaveHappened(error)) undo(name, before, error);
      else if (!options.resolve) throw unknown(name, started, error);
      throw error;
    }
  }

  return {
    step,
    peek: (name: string): Step | undefined => lease.row().steps[name],
    /** Ends a step whose effect existed before any call. The step is then never stored as `started`. */
    found: (name: string, result: unknown) => done(name, { status: 'done', startedAt: clock.now() }, result),
    /** From now on this effect is all that is left of the job (run.ts). What an earlier run noted about it stays. */
    owe: (owed: Owed): Owed => {
      const noted = { ...owed, ...lease.row().owed };
      lease.stage((row) => ({ ...row, owed: noted }));
      return noted;
    },
    /** Names the cosmetic fields that were left out. The next write of the row has them. */
    warn: (left: readonly string[]) =>
      lease.stage((row) => ({ ...row, warnings: [...new Set([...(row.warnings ?? []), ...left])] })),
    /** A done step that has to run again. */
    forget,
    /** Names what the job does without. The next write of the row has it. */
    lack: (lacks: readonly Lack[]) =>
      lease.stage(({ without = [], ...row }) => {
        const others = without.filter(({ what }) => lacks.every((lack) => lack.what !== what));
        return { ...row, without: [...others, ...lacks] };
      }),
    /** Writes the staged results now, before a wait. Otherwise the next step writes them. */
    save: () => lease.flush(),
    skip: (name: string, reason: string) => {
      const at = clock.now();
      set(name, { status: 'skipped', startedAt: lease.row().steps[name]?.startedAt ?? at, endedAt: at, reason });
    },
  };
}

/** All our own classes except `ambiguous` mean that nothing happened. Any other error leaves it open. */
export function mayHaveHappened(error: unknown): boolean {
  if (!(error instanceof JobError)) return true;
  return [error, error.cause].some((one) => one instanceof JobError && one.class === 'ambiguous');
}

/**
 * One run's claim on its job's row. Once another run has taken the job, every write throws a LeaseLostError. `begun`:
 * the step whose start the claim has stored. Until the run takes it, the row counts as without that step.
 */
export function createLease(ledger: Ledger, claimed: JobRow, begun?: string) {
  const token = claimed.lease?.token;
  let stored = claimed;
  let started = begun === undefined ? undefined : claimed.steps[begun];
  let staged: ((row: JobRow) => JobRow)[] =
    begun === undefined ? [] : [(row) => ({ ...row, steps: withoutStep(row.steps, begun) })];
  const preview = () => staged.reduce((row, change) => change(row), stored);

  const ours = (row: JobRow | undefined): JobRow | undefined => (row?.lease?.token === token ? row : undefined);

  async function write(last?: (row: JobRow) => JobRow): Promise<JobRow> {
    const changes = last ? [...staged, last] : staged;
    for (;;) {
      const next = changes.reduce((row, change) => change(row), stored);
      const result = await ledger.write(next, stored.version);
      if (result.written) {
        stored = result.item;
        staged = [];
        started = undefined;
        return stored;
      }
      // Another writer added evidence or an operator's note and left the lease alone. Apply our changes to that row.
      const now = ours(result.stored);
      if (!now) throw new LeaseLostError();
      stored = now;
    }
  }

  return {
    row: preview,
    /** The start of a step that the claim stored. `undefined` if it was taken before, or the row was written since. */
    begun: (name: string): Step | undefined => {
      if (name !== begun) return undefined;
      const step = started;
      started = undefined;
      return step;
    },
    stage: (change: (row: JobRow) => JobRow) => {
      staged = [...staged, change];
    },
    /** Writes the staged changes, if there are any. */
    flush: async () => {
      if (staged.length > 0) await write();
    },
    /** Writes the outcome and all staged changes, and gives the lease up, in one write. */
    end: (change: (row: JobRow) => JobRow) => write(change),
    /** The same without an outcome. It writes nothing if the lease was given up. */
    abandon: async (change: (row: JobRow) => JobRow) => {
      if (ours(stored)) await write(change);
    },
  };
}

export type Lease = ReturnType<typeof createLease>;
