import type { AlarmSpec } from './alarm';
import type { Context } from './context';
import { ownMetric } from './metric';
import { ConfigurationProblems } from './problems';
import type { QueueRow } from './queue-table';
import { type Thresholds, thresholdsSchema } from './thresholds';
import { whole } from './whole';
import { graph, heading, type Widget } from './widgets';

/** The alarm looks at this many canaries. */
const LOOKED_AT = 3;
/** CloudWatch evaluates an alarm over at most one day. */
const MOST_MINUTES = 86_400 / 60 / LOOKED_AT;

/** Parameter `canaryEvery`: minutes between two canaries of a queue. 0: no canaries. */
export function parseCanaryEvery(value: unknown): number {
  const parsed = whole(0, MOST_MINUTES).safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ConfigurationProblems([
    `param canaryEvery: ${parsed.error.issues[0]?.message}, is ${JSON.stringify(value)}`,
  ]);
}

/** Goes off when too many of a queue's last three canaries were late. The row or the stage sets the limit. */
export function canaryAlarm(
  { name, alarms }: QueueRow,
  { instance, stage, minutes }: { instance: string; stage: Thresholds; minutes: number },
): AlarmSpec {
  const { canary } = thresholdsSchema.parse({ ...stage, ...alarms });
  return {
    kind: 'canary',
    subject: name,
    metrics: { done: ownMetric(instance, { queue: name })('Canary', 'Average') },
    threshold: 1,
    below: true,
    period: minutes * 60,
    periods: LOOKED_AT,
    datapoints: canary,
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
