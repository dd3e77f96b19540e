import type { Clock, Metrics } from '../../ports';

const MINUTE_MS = 60_000;

/**
 * Counts refused requests and adds their number to the metric at most once a minute. Anyone may call the URL, and CloudWatch
 * bills each line. The counts of the last minute are lost if no further request comes.
 */
export function refusalCounter({ clock, metrics }: { clock: Clock; metrics: Metrics }): () => void {
  let count = 0;
  let nextAt = Number.NEGATIVE_INFINITY;
  return () => {
    count += 1;
    if (clock.now() < nextAt) return;
    metrics.add('EmailEventsRefused', count, 'Count', {});
    count = 0;
    nextAt = clock.now() + MINUTE_MS;
  };
}
