import { ownMetric } from '../lib/alarms/specs/metric';
import type { QueueRow } from '../lib/instances/queue-row';
import type { Context } from './context';
import { graph, heading, type Widget } from './widgets';

/** The availability of the queues: the share of canaries done in time, and how long they took. */
export function canarySection({ instance }: Pick<Context, 'instance'>, rows: QueueRow[]): Widget[] {
  const each = (metric: string, statistic: string) =>
    Object.fromEntries(rows.map(({ name }) => [name, ownMetric(instance, { queue: name })(metric, statistic)]));
  return [
    heading('Canaries', 'jobs that do nothing, through each queue'),
    graph('Canaries: share done in time', 'Count', each('Canary', 'Average')),
    graph('Canaries: time to the end', 'Milliseconds', each('CanaryTime', 'Maximum')),
  ];
}
