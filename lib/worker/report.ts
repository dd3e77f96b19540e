import { countEnd, countOutcome, type Unsuccessful } from '../jobs/count-outcome';
import { dueTime, firstStart } from '../jobs/history';
import { isEnd, type JobRow } from '../jobs/row';
import { traceFacts } from '../jobs/trace';
import type { Incoming } from './delivery';
import type { BatchDeps } from './deps';
import type { Disposition } from './outcome';

/** Writes the log line and the metrics of a delivery. The reconciler measures canaries itself. */
export function report({
  deps: { clock, log, metrics },
  queue,
  message,
  disposition,
  startedAt,
}: {
  deps: BatchDeps;
  queue: string;
  message: Incoming;
  disposition: Disposition;
  startedAt: number;
}): void {
  const { row } = disposition;
  const direct = disposition.acknowledge ? disposition.direct : undefined;
  const outcome = disposition.acknowledge ? (row?.state ?? (direct ? 'succeeded' : 'late')) : 'retry';
  const ms = clock.now() - startedAt;
  log.info('delivery handled', {
    queue,
    jobId: row?.id ?? direct?.id,
    messageId: message.messageId,
    receiveCount: message.receiveCount,
    outcome,
    reason: row?.reason,
    code: row?.error?.code,
    attempts: row?.attempts,
    canary: row?.canary,
    ...(row ? traceFacts(row) : {}),
    ms,
  });
  if (outcome === 'late' || row?.canary) return;
  const dimensions = { queue };
  metrics.add('ProcessingTime', ms, 'Milliseconds', dimensions);
  const name = METRIC[outcome];
  if (name === 'JobsSucceeded') countEnd(metrics, { queue, succeeded: 1, parked: 0 });
  else if (name === 'JobsCancelled') metrics.add(name, 1, 'Count', dimensions);
  else if (name) countOutcome(metrics, { queue, name, kind: kindOf(row) });
  if (direct) metrics.add('TimeToFinish', clock.now() - direct.time, 'Milliseconds', dimensions);
  // A damaged row may have lost the entry that says when the job was due.
  if (!row || row.damage) return;
  const due = dueTime(row);
  const started = firstStart(row);
  if (started !== undefined) metrics.add('TimeToStart', started - due, 'Milliseconds', dimensions);
  if (isEnd(row.state)) metrics.add('TimeToFinish', (row.endedAt ?? clock.now()) - due, 'Milliseconds', dimensions);
}

const METRIC: Partial<Record<string, 'JobsSucceeded' | 'JobsCancelled' | Unsuccessful>> = {
  succeeded: 'JobsSucceeded',
  retry: 'JobsRetried',
  held: 'JobsHeld',
  dead: 'JobsParked',
  cancelled: 'JobsCancelled',
};

/** The error's class, or without an error: `crash`, `behind` another job of its group, or `busy` in another run. */
function kindOf(row: JobRow | undefined): string {
  if (row?.reason === 'crash' || row?.reason === 'behind') return row.reason;
  return row?.error?.class ?? 'busy';
}
