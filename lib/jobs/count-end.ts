import type { Metrics } from '../ports';

/** Counts ends of jobs. Each writes both metrics: CloudWatch has no rate while one of them was never written. */
export function countEnd(
  metrics: Metrics,
  { queue, succeeded, dead }: { queue: string; succeeded: number; dead: number },
): void {
  metrics.add('JobsSucceeded', succeeded, 'Count', { queue });
  metrics.add('JobsDead', dead, 'Count', { queue });
}
