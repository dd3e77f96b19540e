import { undeliveredName } from '../../jobs/keys';
import { lambdaMetric, ownMetric, sqsMetric } from './metric';
import type { AlarmSpec } from './spec';

/** What the alarms need from a function block. */
export interface WatchedFunction {
  key: string;
  /** The deployed name. */
  name: string;
  /** It has a reserved concurrency, which is small on purpose. */
  reserved: boolean;
}

/** The alarms that an instance has once. */
export function instanceAlarms(instance: string, functions: readonly WatchedFunction[]): AlarmSpec[] {
  const own = ownMetric(instance);
  // If the alarms function fails or is throttled, its messages end in the queue of undelivered alarms.
  const watched = functions.filter(({ key }) => key !== 'alarms');
  return [
    ofFunctions('function-errors', 'Errors', watched),
    // A caller that hits a reserved concurrency tries again, so its throttles are normal.
    ofFunctions(
      'function-throttles',
      'Throttles',
      watched.filter(({ reserved }) => !reserved),
    ),
    {
      kind: 'reconciler-missing',
      metrics: { runs: own('ReconcilerRuns', 'Sum') },
      threshold: 1,
      below: true,
      period: 60,
      periods: 5,
      silence: 'breaching',
    },
    {
      kind: 'alarms-not-sent',
      metrics: { facts: own('AlarmsNotSent', 'Maximum') },
      threshold: 1,
      period: 60,
      periods: 5,
      silence: 'notBreaching',
    },
    onOccurrence('illegal-transition', 'IllegalTransitions'),
    onOccurrence('access-denied', 'AccessDenied'),
    {
      kind: 'alarms-undelivered',
      second: true,
      metrics: {
        visible: sqsMetric(undeliveredName(instance), 'ApproximateNumberOfMessagesVisible', 'Maximum'),
      },
      threshold: 1,
      period: 60,
      // This queue is mostly idle, and SQS sends no metrics for a queue that is idle for some hours.
      silence: 'ignore',
    },
  ];

  /** Goes off when a worker counts at least one in five minutes. */
  function onOccurrence(kind: AlarmSpec['kind'], metric: string): AlarmSpec {
    return { kind, metrics: { count: own(metric, 'Sum') }, threshold: 1, period: 300, silence: 'notBreaching' };
  }
}

/** Goes off when any of the functions counts at least one in five minutes. An expression takes ten metrics at most. */
function ofFunctions(kind: AlarmSpec['kind'], metric: string, functions: readonly WatchedFunction[]): AlarmSpec {
  const metrics = Object.fromEntries(functions.map(({ key, name }) => [key, lambdaMetric(name, metric, 'Sum')]));
  const expression = functions.map(({ key }) => `FILL(${key}, 0)`).join(' + ');
  return { kind, metrics, expression, threshold: 1, period: 300, silence: 'notBreaching' };
}
