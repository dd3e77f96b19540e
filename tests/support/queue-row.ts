import type { QueueRow } from '../../resources/instances/file';

/** A valid row of a FIFO queue with production's limits, and these changes. */
export function queueRow(name: string, { alarms, ...changes }: RowChanges = {}): QueueRow {
  return {
    ...{ name, type: 'fifo', timeout: 45, visibility: 300, retention: 604_800, receives: 3, batch: 1, concurrency: 10 },
    ...{ throughput: 'normal', dlq: { retention: 1_209_600 } },
    ...changes,
    alarms: {
      ...{ dlqDepth: 5, held: 3600, age: 1800 },
      ...{ errorRate: 1, errorRateJobs: 100, canary: 2, finish: 30 },
      ...alarms,
    },
  };
}

type RowChanges = Partial<Omit<QueueRow, 'name' | 'alarms'>> & { alarms?: Partial<QueueRow['alarms']> };
