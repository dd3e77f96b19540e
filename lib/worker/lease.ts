import { LeaseLostError, type Ledger } from '../jobs/ledger';
import type { JobRow } from '../jobs/row';

/** One run's hold on its job's row. Every write carries the lease's token: after it was lost, each is refused. */
export interface Lease {
  /** As it will be with what is staged. */
  row(): JobRow;
  /** Changes the row in memory; the next write takes it along. */
  stage(change: (row: JobRow) => JobRow): void;
  /** Writes what is staged. */
  flush(): Promise<void>;
  /** Writes the run's outcome with what is staged, and gives the lease up: one write. */
  release(change: (row: JobRow) => JobRow): Promise<JobRow>;
  /** Gives the lease up without an outcome, if it is still held; what is staged is not written with it. */
  abandon(change: (row: JobRow) => JobRow): Promise<void>;
}

export function createLease(ledger: Ledger, claimed: JobRow): Lease {
  const token = claimed.lease?.token;
  let stored = claimed;
  let staged: ((row: JobRow) => JobRow)[] = [];
  /** The table has just failed us, with all the patience there is. */
  let failing = false;
  const preview = () => staged.reduce((row, change) => change(row), stored);

  async function write(last?: (row: JobRow) => JobRow): Promise<JobRow> {
    const changes = last ? [...staged, last] : staged;
    for (;;) {
      const next = changes.reduce((row, change) => change(row), stored);
      failing = true;
      const result = await ledger.write(next, stored.version);
      failing = false;
      if (result.written) {
        stored = result.item;
        staged = [];
        return stored;
      }
      const now = result.stored as JobRow | undefined;
      // Someone added to the row (evidence, an operator's note) and left the lease alone: ours goes on top.
      if (now?.lease?.token !== token || now === undefined) throw new LeaseLostError();
      stored = now;
    }
  }

  return {
    row: preview,
    stage: (change) => {
      staged = [...staged, change];
    },
    flush: async () => {
      await write();
    },
    release: write,
    abandon: async (change) => {
      let row: JobRow | undefined = stored;
      // As above: a note that somebody has added meanwhile does not take the lease.
      while (!failing && row && row.lease?.token === token) {
        const result = await ledger.write(change(row), row.version);
        if (result.written) return;
        row = result.stored as JobRow | undefined;
      }
    },
  };
}
