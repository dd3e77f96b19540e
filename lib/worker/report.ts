import { isEnd } from '../jobs/row';
import type { Incoming } from './delivery';
import type { BatchDeps } from './deps';
import type { Disposition } from './outcome';

/** One log line and the metrics of a delivery. */
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
  const row = disposition.acknowledge ? disposition.row : undefined;
  const outcome = row?.state ?? (disposition.acknowledge ? 'late' : 'retry');
  const ms = clock.now() - startedAt;
  log.info('delivery handled', {
    queue,
    jobId: row?.id,
    messageId: message.messageId,
    group: message.group,
    receiveCount: message.receiveCount,
    outcome,
    reason: row?.reason,
    code: row?.error?.code,
    attempts: row?.attempts,
    ms,
  });
  if (outcome === 'late') return;
  const dimensions = { queue };
  metrics.add(METRIC[outcome] ?? 'JobsRetried', 1, 'Count', dimensions);
  metrics.add('ProcessingTime', ms, 'Milliseconds', dimensions);
  if (row && isEnd(row.state))
    metrics.add('TimeToFinish', (row.endedAt ?? clock.now()) - row.time, 'Milliseconds', dimensions);
}

const METRIC: Partial<Record<string, string>> = {
  succeeded: 'JobsSucceeded',
  retry: 'JobsRetried',
  held: 'JobsHeld',
  dead: 'JobsParked',
};
