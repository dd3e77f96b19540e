import type { AlarmSpec, Metric } from './alarm';
import { TOPIC_ID, UNDELIVERED_TOPIC_ID } from './logical-id';

/** What the alarms need of a function block. */
export interface MonitoredFunction {
  key: string;
  /** As deployed. */
  name: string;
  /** Seconds. */
  timeout: number;
  /** It works on a queue. */
  worker: boolean;
  /** It has a concurrency of its own, kept small on purpose. */
  reserved: boolean;
}

/** Share of the time-out that a worker never reaches by itself: it starts nothing in the last tenth. */
const WORKER_SHARE = 0.95;
/** Whatever runs on a schedule may use its time to the guard before its end. */
const SCHEDULED_SHARE = 0.98;

export function functionAlarms({ key, name, timeout, worker, reserved }: MonitoredFunction): AlarmSpec[] {
  const metric = (metricName: string, statistic: Metric['statistic']): Metric => ({
    namespace: 'AWS/Lambda',
    name: metricName,
    dimensions: { FunctionName: name },
    statistic,
  });
  // What is wrong with the messenger must be told by another.
  const about = { subject: key, topic: key === 'alarms' ? UNDELIVERED_TOPIC_ID : TOPIC_ID, period: 300 } as const;
  const silence = 'notBreaching' as const;
  return [
    { ...about, silence, kind: 'errors', metrics: { errors: metric('Errors', 'Sum') }, threshold: 1 },
    {
      ...about,
      silence,
      kind: 'throttles',
      metrics: { throttles: metric('Throttles', 'Sum') },
      // A caller that meets the limit set for it comes again; one or two are the limit at work.
      threshold: reserved ? 100 : 1,
    },
    {
      ...about,
      silence,
      kind: 'duration',
      metrics: { duration: metric('Duration', 'Maximum') },
      threshold: Math.floor(timeout * 1000 * (worker ? WORKER_SHARE : SCHEDULED_SHARE)),
    },
  ];
}
