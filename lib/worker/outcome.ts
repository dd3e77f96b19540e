import { bodyKey } from '../jobs/keys';
import { appended } from '../jobs/ledger';
import type { DeadReason, HeldReason, JobEvent, JobRow, StoredError } from '../jobs/row';
import type { Incoming } from './delivery';
import type { WorkerDeps } from './deps';
import type { Lease } from './lease';

/** What happens to the message: acknowledged, or reported with the visibility it shall have, in ms. */
export type Disposition =
  | { acknowledge: true; row?: JobRow /** Done without a row. */; direct?: { id: string; time: number } }
  | { acknowledge: false; visibilityMs: number; row?: JobRow };

/** One run's way out: each writes outcome and release of the lease at once. */
export interface Outcomes {
  succeed(result: unknown): Promise<JobRow>;
  /** The message stays in the queue and comes back. */
  retry(options: { error: StoredError; counts: boolean; waitMs: number }): Promise<JobRow>;
  /** The job leaves the queue; the reconciler, evidence or a person brings it back. */
  hold(options: { error?: StoredError; counts: boolean; waitMs: number; reason: HeldReason }): Promise<JobRow>;
  park(options: { error: StoredError; reason: DeadReason; counts: boolean }): Promise<JobRow>;
  /** Nobody wants it any more. */
  cancel(): Promise<JobRow>;
}

export function outcomes(
  { objects, clock, prefix, order, settings }: Pick<WorkerDeps, 'objects' | 'clock' | 'prefix' | 'order' | 'settings'>,
  { lease, message, body }: { lease: Lease; message: Incoming; body: string },
): Outcomes {
  /** Body first: a row must not say that a body is kept before it is. */
  async function leave(change: (row: JobRow) => JobRow): Promise<JobRow> {
    const { queue, id, bodyKept, canary } = lease.row();
    if (canary) return lease.release((row) => change({ ...row, left: appended(row.left, message.messageId) }));
    if (!bodyKept) await objects.put(bodyKey(prefix, queue, id), body, 'application/json');
    return lease.release((row) => change({ ...row, bodyKept: true, left: appended(row.left, message.messageId) }));
  }

  const noted = (row: JobRow, event: JobEvent, error?: StoredError, counts = true): JobRow => {
    const attempts = row.attempts + (counts ? 1 : 0);
    const entry = { at: clock.now(), event, messageId: message.messageId, ...(counts ? { attempt: attempts } : {}) };
    return {
      ...row,
      attempts,
      silent: 0,
      ...(error ? { error } : {}),
      history: appended(row.history, { ...entry, ...(error ? { error } : {}) }),
    };
  };

  return {
    succeed: (result) =>
      lease.release((row) => {
        const { error: _error, ...rest } = noted(row, 'succeeded');
        return { ...rest, state: 'succeeded', endedAt: clock.now(), ...(result === undefined ? {} : { result }) };
      }),
    retry: ({ error, counts, waitMs }) =>
      lease.release((row) => ({
        ...noted(row, 'retry', error, counts),
        state: 'queued',
        dueAt: clock.now() + waitMs,
      })),
    hold: async ({ error, counts, waitMs, reason }) => {
      if (settings(lease.row().queue).ordered) await order.join(lease.row());
      return leave((row) => ({
        ...noted(row, `held (${reason})`, error, counts),
        state: 'held',
        reason,
        holds: row.holds + 1,
        dueAt: clock.now() + waitMs,
        ...(error?.vendor ? { vendor: error.vendor } : {}),
      }));
    },
    cancel: () =>
      lease.release((row) => {
        const { error: _error, ...rest } = noted(row, 'cancelled (operator)', undefined, false);
        const left = appended(row.left, message.messageId);
        return { ...rest, state: 'cancelled', reason: 'operator', endedAt: clock.now(), left };
      }),
    park: ({ error, reason, counts }) =>
      leave((row) => ({
        ...noted(row, `dead (${reason})`, error, counts),
        state: 'dead',
        reason,
        endedAt: clock.now(),
        parkedFrom: message.messageId,
      })),
  };
}
