import type { Item } from '../ports';
import { reconcilerKey } from './keys';
import { type LedgerDeps, updateItem } from './ledger';

/** One kind of the reconciler's work on one queue that fails: what an operator has to know. Ids and codes only. */
export interface FailingWork {
  kind: string;
  /** Absent for work on the instance as a whole. */
  queue?: string;
  code: string;
  /** The job that has failed most often, and how often in a row; absent where the work failed as a whole. */
  jobId?: string;
  times?: number;
  /** Jobs that failed in the last run in which one did. */
  jobs: number;
  /** When it failed first and last, ms since 1970. */
  since: number;
  at: number;
}

/** The reconciler's lease, with what a run leaves for the next one (key `lease#reconciler`). */
export interface ReconcilerRun extends Item {
  holder: string;
  until: number;
  /** The work for which there was no time: the next run begins with it. */
  next?: string;
  failing?: FailingWork[];
}

type Deps = Pick<LedgerDeps, 'table' | 'clock' | 'random'>;

/** Takes the lease; `undefined` where another run has it. */
export async function beginRun(deps: Deps, until: number): Promise<ReconcilerRun | undefined> {
  const holder = deps.random.uuid();
  const { changed, item } = await updateItem<ReconcilerRun>(deps, reconcilerKey, (stored) =>
    stored && stored.until > deps.clock.now()
      ? undefined
      : { ...(stored ?? { key: reconcilerKey, version: 0, writer: '' }), holder, until },
  );
  return changed ? item : undefined;
}

/** Gives the lease back, so that the next run need not wait for its end. */
export async function endRun(
  deps: Deps,
  { key, holder }: ReconcilerRun,
  { next, failing }: { next: string | undefined; failing: FailingWork[] },
): Promise<void> {
  await updateItem<ReconcilerRun>(deps, key, (stored) => {
    if (stored?.holder !== holder) return undefined;
    const { next: _next, ...lease } = stored;
    return { ...lease, until: 0, failing, ...(next === undefined ? {} : { next }) };
  });
}
