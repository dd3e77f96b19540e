import { appended } from '../jobs/capped-list';
import type { JobEvent, JobRow } from '../jobs/row';
import type { ReconcileDeps } from '../reconcile/deps';

/** What an operator's commands reach: what the reconciler does, since they do the same kind of work by hand. */
export type OperatorDeps = ReconcileDeps;

/** What was asked for cannot be done; one sentence that says why and, where there is one, what can be done instead. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
}

/** A job's state as people read it, e.g. `held (throttled)`. */
export const stateOf = ({ state, reason }: Pick<JobRow, 'state' | 'reason'>): string =>
  reason === undefined ? state : `${state} (${reason})`;

/** The row with one more entry in its history: what an operator did. */
export const noted = (row: JobRow, at: number, event: JobEvent, messageId?: string): JobRow => ({
  ...row,
  history: appended(row.history, { at, event, ...(messageId ? { messageId } : {}) }),
});

/** Writes what an operator decided about a row as it was read; whoever changed it since wins. */
export async function decide({ ledger }: Pick<OperatorDeps, 'ledger'>, row: JobRow, next: JobRow): Promise<JobRow> {
  const result = await ledger.write(next, row.version);
  if (!result.written) throw new OperatorError(`${row.id} has changed just now: look at it again.`);
  return result.item;
}
