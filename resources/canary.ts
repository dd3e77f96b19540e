import type { QueueRow } from '../lib/instances/queue-row';
import type { AlarmSpec } from './alarm';
import type { Context } from './context';
import { ownMetric } from './metric';
import { graph, heading, type Widget } from './widgets';

/** The alarm looks at this many canaries. */
const LOOKED_AT = 3;

/** Goes off when too many of a queue's last three canaries were late. The row sets the limit. */
export function canaryAlarm(
  { name, alarms }: QueueRow,
  { instance, minutes }: { instance: string; minutes: number },
): AlarmSpec {
  return {
    kind: 'canary',
    subject: name,
    metrics: { done: ownMetric(instance, { queue: name })('Canary', 'Average') },
    threshold: 1,
    below: true,
    period: minutes * 60,
    periods: LOOKED_AT,
    datapoints: alarms.canary,
    // The reconciler measures canaries. If it stops, its own alarm goes off.
    silence: 'ignore',
  };
}

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
