import type { JobRow } from '../jobs/row';

/**
 * When a job was last due, ms since 1970: when it was sent first, when its last wait outside the queue was to end, or
 * when it was opened again, whichever came last. A campaign's chunk is due when it is released, not when its campaign
 * was accepted. Retries do not count: their waits are ours.
 */
export function dueTime(row: JobRow): number {
  const first = Math.min(row.createdAt, row.deliveries[0]?.sentAt ?? row.createdAt);
  const opened = row.history.findLast(({ event }) => event === 'reopened');
  const redriven = row.deliveries.findLast(({ messageId }) => messageId === opened?.messageId);
  return Math.max(first, row.due ?? 0, (opened && redriven?.sentAt) ?? 0);
}

/** When a job was first started since it was due, if that start was its last one. */
export function firstStart(row: JobRow): number | undefined {
  const due = dueTime(row);
  const starts = row.history.filter(({ at, event }) => event === 'started' && at >= due);
  return starts.length === 1 ? starts[0]?.at : undefined;
}
