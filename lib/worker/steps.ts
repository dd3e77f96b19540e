import { AmbiguousError, JobError } from '../errors';
import type { Evidence, JobRow, Step } from '../jobs/row';
import type { Clock } from '../ports';
import type { Lease } from './lease';

/** Nobody can tell whether the step took effect. It is never repeated: evidence or a person settles it. */
export class StepUnknownError extends AmbiguousError {
  readonly step: string;

  constructor(step: string, cause?: unknown) {
    super({ code: 'StepUnknown', message: `nobody can tell whether ${step} took effect`, cause });
    this.step = step;
  }
}

export interface StepOptions<R> {
  /** The side effect. What it answers is kept, so it must be small and hold no personal data. */
  run: () => Promise<R>;
  /**
   * Asks the vendor whether an effect that may have happened did: its result, or `undefined` where it did not.
   * Without it the vendor cannot tell, and such a step is `unknown`.
   */
  settle?: () => Promise<R | undefined>;
  /** What a sign from elsewhere says of a step that may have taken effect. Without it signs are not looked at. */
  proven?: (evidence: Evidence) => R;
  /** Of what the request is made, where a repeat has to be the same to the byte. */
  hash?: string;
  /** The result is for a resumed run only: no record and no answer shows it. */
  confidential?: boolean;
  /** A done step whose result is no longer good (an expired token) is run again. */
  stale?: (result: R, endedAt: number) => boolean;
}

export interface Steps {
  /** A step that was skipped is not run and has no result, nor has one that is proven without `proven`: `undefined`. */
  step<R>(name: string, options: StepOptions<R>): Promise<R>;
  /** The step as the ledger knows it so far. */
  peek(name: string): Step | undefined;
  /** Ends a step whose effect was there before anything was called; `started` is then never written. */
  found(name: string, result: unknown): void;
  /** Writes down now what would be written with the next step, for a wait that lies before it. */
  save(): Promise<void>;
  /** Ends a step without its effect; the reason is shown. */
  skip(name: string, reason: string): void;
}

/**
 * A job's side effects. `started` is written before a call; its result is written with the start of the next step or
 * with the outcome, whichever comes first, so nothing else may happen between.
 */
export function createSteps({ lease, clock }: { lease: Lease; clock: Clock }): Steps {
  const set = (name: string, step: Step) => lease.stage((row) => ({ ...row, steps: { ...row.steps, [name]: step } }));
  const done = <R>(name: string, step: Step, result: R, confidential = false) =>
    set(name, { ...step, status: 'done', endedAt: clock.now(), ...(confidential ? { kept: result } : { result }) });
  const forget = (name: string) => lease.stage((row) => ({ ...row, steps: without(row.steps, name) }));

  async function step<R>(name: string, options: StepOptions<R>): Promise<R> {
    const before = lease.row().steps[name];
    if (before?.status === 'done') {
      const result = (before.kept ?? before.result) as R;
      if (!options.stale?.(result, before.endedAt ?? before.startedAt)) return result;
    }
    if (before?.status === 'skipped') return undefined as R;
    const evidence = lease.row().evidence?.[name];
    const proves = options.proven !== undefined || before?.status === 'unknown';
    if (evidence && proves && before?.status !== 'done') {
      const result = options.proven?.(evidence) as R;
      done(name, before ?? { status: 'done', startedAt: evidence.at }, result, options.confidential);
      return result;
    }
    if (before?.status === 'unknown') throw new StepUnknownError(name);
    if (before?.status === 'started') {
      const settled = await settle(name, before, options);
      if (settled) return settled.result;
    }

    const started: Step = {
      status: 'started',
      startedAt: clock.now(),
      ...(options.hash ? { hash: options.hash } : {}),
    };
    set(name, started);
    await lease.flush();
    try {
      const result = await options.run();
      done(name, started, result, options.confidential);
      return result;
    } catch (error) {
      if (!mayHaveHappened(error)) forget(name);
      else if (!options.settle) throw unknown(name, started, error);
      throw error;
    }
  }

  async function settle<R>(name: string, before: Step, options: StepOptions<R>): Promise<{ result: R } | undefined> {
    if (!options.settle) throw unknown(name, before);
    const result = await options.settle();
    if (result === undefined) return undefined;
    done(name, before, result, options.confidential);
    return { result };
  }

  function unknown(name: string, step: Step, cause?: unknown): StepUnknownError {
    set(name, {
      ...step,
      status: 'unknown',
      endedAt: clock.now(),
      reason: cause instanceof JobError ? cause.code : 'NoAnswer',
    });
    return new StepUnknownError(name, cause);
  }

  return {
    step,
    peek: (name) => lease.row().steps[name],
    found: (name, result) => done(name, { status: 'done', startedAt: clock.now() }, result),
    save: () => lease.flush(),
    skip: (name, reason) => {
      const at = clock.now();
      set(name, { status: 'skipped', startedAt: lease.row().steps[name]?.startedAt ?? at, endedAt: at, reason });
    },
  };
}

const without = (steps: JobRow['steps'], name: string) =>
  Object.fromEntries(Object.entries(steps).filter(([key]) => key !== name));

/** Our own classes say that nothing happened, but for `ambiguous`; of an error that we do not know nothing is certain. */
function mayHaveHappened(error: unknown): boolean {
  if (!(error instanceof JobError)) return true;
  return error instanceof AmbiguousError || error.cause instanceof AmbiguousError;
}
