import { countEnd } from '../jobs/count-end';
import { isEnd, type JobRow, traceFacts } from '../jobs/row';
import type { QueueContract } from './contract';
import type { Incoming } from './delivery';
import type { BatchDeps } from './deps';
import type { Disposition } from './outcome';

/** Writes the log line and the metrics of a delivery. The reconciler measures canaries itself. */
export function report({
  deps: { clock, log, metrics },
  contract: { queue, types },
  message,
  disposition,
  startedAt,
}: {
  deps: BatchDeps;
  contract: QueueContract;
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
    class: row?.error?.class,
    attempts: row?.attempts,
    canary: row?.canary,
    ...(row ? traceFacts(row) : {}),
    ms,
  });
  if (outcome === 'late' || row?.canary) return;
  const dimensions = { queue };
  if (outcome === 'succeeded') countEnd(metrics, { queue, succeeded: 1, dead: 0 });
  else if (outcome === 'dead') countEnd(metrics, { queue, succeeded: 0, dead: 1 });
  else if (outcome === 'retry') metrics.add('JobsRetried', 1, 'Count', dimensions);
  const finish = finishMs(disposition, clock.now());
  if (finish !== undefined && !types[row?.type ?? '']?.paced)
    metrics.add('TimeToFinish', finish, 'Milliseconds', dimensions);
}

/** From when the job was due to its end. */
function finishMs(disposition: Disposition, now: number): number | undefined {
  const { row } = disposition;
  if (disposition.acknowledge && disposition.direct) return now - disposition.direct.time;
  if (!row || !isEnd(row.state)) return undefined;
  return (row.endedAt ?? now) - dueTime(row);
}

/** When a job was last due. A campaign's chunk is due when it is released, not when its campaign was accepted. */
const dueTime = ({ createdAt, deliveries, dueSince = 0 }: JobRow): number =>
  Math.max(dueSince, Math.min(createdAt, deliveries[0]?.sentAt ?? createdAt));
