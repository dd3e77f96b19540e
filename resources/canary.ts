import type { AlarmSpec } from './alarm';
import type { Context } from './context';
import { TOPIC_ID } from './logical-id';
import { ConfigurationProblems } from './problems';
import type { QueueRow } from './queue-table';
import { type Thresholds, thresholdsSchema } from './thresholds';
import { whole } from './whole';
import { graph, heading, type Line, type Widget } from './widgets';

/** The canaries that an alarm looks at. */
const LOOKED_AT = 3;
/** CloudWatch evaluates an alarm over a day at most. */
const MOST_MINUTES = 86_400 / 60 / LOOKED_AT;

/** Param `canaryEvery`: minutes from one canary of a queue to the next; 0: there are none. */
export function parseCanaryEvery(value: unknown): number {
  const parsed = whole(0, MOST_MINUTES).safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ConfigurationProblems([
    `param canaryEvery: ${parsed.error.issues[0]?.message}, is ${JSON.stringify(value)}`,
  ]);
}

/** Rings where of the last three canaries of a queue as many as the row or the stage says were not done in time. */
export function canaryAlarm(
  { name, alarms }: QueueRow,
  { instance, stage, minutes }: { instance: string; stage: Thresholds; minutes: number },
): AlarmSpec {
  const { canary } = thresholdsSchema.parse({ ...stage, ...alarms });
  return {
    kind: 'canary',
    subject: name,
    topic: TOPIC_ID,
    metrics: { done: { namespace: instance, name: 'Canary', dimensions: { queue: name }, statistic: 'Average' } },
    threshold: 1,
    below: true,
    period: minutes * 60,
    periods: LOOKED_AT,
    datapoints: canary,
    // It is the reconciler that measures them, and its own silence is told of by itself.
    silence: 'ignore',
  };
}

/** Whether the queues did their canaries, and how fast: their availability. */
export function canarySection({ instance }: Pick<Context, 'instance'>, rows: QueueRow[]): Widget[] {
  const each = (metric: string, stat: string): Line[] =>
    rows.map(({ name }) => ({ namespace: instance, metric, stat, label: name, dimensions: { queue: name } }));
  return [
    heading('Canaries', 'jobs that do nothing, through each queue'),
    graph('Canaries: share done in time', 'Count', each('Canary', 'Average')),
    graph('Canaries: time to the end', 'Milliseconds', each('CanaryTime', 'Maximum')),
  ];
}
