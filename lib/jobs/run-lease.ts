import type { Item } from '../ports';
import { type ItemDeps, updateItem } from './ledger';

/** Only the holder may do the work that the item's key names, until `until`, in ms since 1970. */
export interface RunLease extends Item {
  holder: string;
  until: number;
}

/** Takes the lease. Returns `undefined` while another run holds it. */
export async function takeLease<T extends RunLease>(
  deps: ItemDeps,
  key: string,
  until: number,
): Promise<T | undefined> {
  const holder = deps.random.uuid();
  const { changed, item } = await updateItem<T>(deps, key, (stored) =>
    stored && stored.until > deps.clock.now()
      ? undefined
      : ({ ...(stored ?? { key, version: 0, writer: '' }), holder, until } as T),
  );
  return changed ? item : undefined;
}

/** Gives the lease back, so that the next run need not wait for its end. `change` adds what the run leaves behind. */
export async function endLease<T extends RunLease>(
  deps: ItemDeps,
  { key, holder }: T,
  change: (lease: T) => T = (lease) => lease,
): Promise<void> {
  await updateItem<T>(deps, key, (stored) => (stored?.holder === holder ? { ...change(stored), until: 0 } : undefined));
}

/** One kind of the reconciler's work that fails on one queue, for operators. It holds only ids and codes. */
export interface FailingWork {
  kind: string;
  /** Absent for work on the instance as a whole. */
  queue?: string;
  code: string;
  /** The job that failed most often, and how often in a row. Absent if the work failed as a whole. */
  jobId?: string;
  times?: number;
  /** How many jobs failed in the last run that had a failure. */
  jobs: number;
  /** When it first and last failed, ms since 1970. */
  since: number;
  at: number;
}

/** The reconciler's lease, and what a run leaves for the next one (key `lease#reconciler`). */
export interface ReconcilerRun extends RunLease {
  failing?: FailingWork[];
  endedAt?: number;
  /** When the last run began. */
  lastRunAt?: number;
}
