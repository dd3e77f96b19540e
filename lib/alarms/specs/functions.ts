import { lambdaMetric } from './metric';
import type { AlarmSpec } from './spec';

/** What the alarms need from a function block. */
export interface MonitoredFunction {
  key: string;
  /** The deployed name. */
  name: string;
  /** Seconds. */
  timeout: number;
  /** It is the worker of a queue. */
  worker: boolean;
  /** It has a reserved concurrency, which is small on purpose. */
  reserved: boolean;
}

/**
 * A worker starts nothing in the last tenth of its time-out, at most 5 s. So a longer run means one slow call, if the
 * time-out is at most 100 s.
 */
const WORKER_SHARE = 0.95;
/** Scheduled functions may work until shortly before their time-out. */
const SCHEDULED_SHARE = 0.98;

export function functionAlarms({ key, name, timeout, worker, reserved }: MonitoredFunction): AlarmSpec[] {
  // The alarms function cannot report its own failures, so its alarms use the other topic.
  const second = key === 'alarms' ? ({ second: true } as const) : {};
  const about = { subject: key, ...second, period: 300, silence: 'notBreaching' } as const;
  return [
    { ...about, kind: 'errors', metrics: { errors: lambdaMetric(name, 'Errors', 'Sum') }, threshold: 1 },
    {
      ...about,
      kind: 'throttles',
      metrics: { throttles: lambdaMetric(name, 'Throttles', 'Sum') },
      // A caller that hits a reserved concurrency tries again, so a few throttles are normal.
      threshold: reserved ? 100 : 1,
    },
    {
      ...about,
      kind: 'duration',
      metrics: { duration: lambdaMetric(name, 'Duration', 'Maximum') },
      threshold: Math.floor(timeout * 1000 * (worker ? WORKER_SHARE : SCHEDULED_SHARE)),
    },
  ];
}
