import { LeaseLostError, type Ledger } from '../jobs/ledger';
import type { JobRow, Step } from '../jobs/row';

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
  /** The last write failed after all its retries. */
  let failing = false;
  const preview = () => staged.reduce((row, change) => change(row), stored);

  /** The row if this run still has the job. */
  const ours = (row: JobRow | undefined): JobRow | undefined => (row?.lease?.token === token ? row : undefined);

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
    flush: async () => {
      await write();
    },
    /** Writes the outcome and all staged changes, and gives the lease up, in one write. */
    release: (change: (row: JobRow) => JobRow) => write(change),
    /** Writes the staged changes and gives the lease up without an outcome, if this run still holds it. */
    abandon: async (change: (row: JobRow) => JobRow) => {
      let row = ours(stored);
      // As above, another writer's note does not take the lease.
      while (!failing && row) {
        const result = await ledger.write(change(staged.reduce((next, stage) => stage(next), row)), row.version);
        if (result.written) return;
        row = ours(result.stored);
      }
    },
  };
}

export type Lease = ReturnType<typeof createLease>;

export const withoutStep = (steps: JobRow['steps'], name: string): JobRow['steps'] =>
  Object.fromEntries(Object.entries(steps).filter(([key]) => key !== name));
