import type { Metrics } from '../ports';

export type Unsuccessful = 'JobsRetried' | 'JobsHeld' | 'JobsParked';

/** Counts an outcome twice: by queue for the alarms, and by queue and kind of reason for operators. */
export function countOutcome(
  metrics: Metrics,
  { queue, name, kind }: { queue: string; name: Unsuccessful; kind: string },
): void {
  if (name === 'JobsParked') countEnd(metrics, { queue, succeeded: 0, parked: 1 });
  else metrics.add(name, 1, 'Count', { queue });
  metrics.add(name, 1, 'Count', { queue, class: kind });
}

/** Writes both metrics. CloudWatch cannot compute a rate while one of the two has never been written. */
export function countEnd(
  metrics: Metrics,
  { queue, succeeded, parked }: { queue: string; succeeded: number; parked: number },
): void {
  metrics.add('JobsSucceeded', succeeded, 'Count', { queue });
  metrics.add('JobsParked', parked, 'Count', { queue });
}
