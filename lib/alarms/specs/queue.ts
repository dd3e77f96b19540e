import type { QueueRow } from '../../instances/queue-row';
import { dlqName, queueName } from '../../jobs/keys';
import { ownMetric, sqsMetric } from './metric';
import { type AlarmSpec, onOccurrence } from './spec';

/** What the alarms need from a queue's row. */
export type WatchedQueue = Pick<QueueRow, 'name' | 'type' | 'alarms'>;

/** The canary's alarm looks at this many canaries. */
const LOOKED_AT = 3;

/**
 * The alarms of one queue. None uses `NumberOfMessagesSent`, which does not count messages that a redrive policy moves
 * to a DLQ. A DLQ's depth also counts messages in flight, because the reconciler receives entries while it checks them.
 * `canaries`: whether the queue has canaries. `judged`: whether the reconciler evaluates the alarms, which does not
 * know what SQS deleted.
 */
export function queueAlarms(
  row: WatchedQueue,
  { instance, canaries, judged = false }: { instance: string; canaries: boolean; judged?: boolean },
): AlarmSpec[] {
  const { name, type, alarms: limit } = row;
  const own = ownMetric(instance, { queue: name });
  const main = queueName(instance, name, type);
  const dlq = dlqName(instance, name, type);

  const outcomes = { succeeded: own('JobsSucceeded', 'Sum'), parked: own('JobsParked', 'Sum') };
  // Finished canaries say nothing about the jobs. SQS counts them, and our own metrics of outcomes do not.
  const finished: AlarmSpec['metrics'] = judged
    ? { ...outcomes, held: own('JobsHeld', 'Sum'), cancelled: own('JobsCancelled', 'Sum') }
    : {
        deleted: sqsMetric(main, 'NumberOfMessagesDeleted', 'Sum'),
        ...(canaries ? { canaries: own('Canary', 'Sum') } : {}),
      };
  const sumOfFinished = Object.keys(finished)
    .map((id) => `${id === 'canaries' ? '- ' : '+ '}FILL(${id}, 0)`)
    .join(' ')
    .slice('+ '.length);

  const specs: AlarmSpec[] = [
    {
      kind: 'dlq-depth',
      metrics: {
        visible: sqsMetric(dlq, 'ApproximateNumberOfMessagesVisible', 'Maximum'),
        inFlight: sqsMetric(dlq, 'ApproximateNumberOfMessagesNotVisible', 'Maximum'),
      },
      expression: 'visible + inFlight',
      threshold: limit.dlqDepth,
      period: 60,
      silence: 'ignore',
    },
    {
      kind: 'dlq-age',
      metrics: { age: sqsMetric(dlq, 'ApproximateAgeOfOldestMessage', 'Maximum') },
      threshold: limit.dlqAge,
      period: 300,
      silence: 'ignore',
    },
    {
      kind: 'held',
      metrics: { held: own('OldestHeld', 'Maximum') },
      threshold: limit.held * 1000,
      period: 60,
      periods: 3,
      silence: 'ignore',
    },
    onOccurrence('returned', own('MessagesReturned', 'Sum')),
    onOccurrence('expired', own('JobsExpired', 'Sum')),
    {
      kind: 'age',
      metrics: { age: sqsMetric(main, 'ApproximateAgeOfOldestMessage', 'Maximum') },
      threshold: limit.age,
      period: 60,
      periods: 5,
      silence: 'notBreaching',
    },
    {
      kind: 'backlog',
      metrics: { visible: sqsMetric(main, 'ApproximateNumberOfMessagesVisible', 'Maximum') },
      threshold: limit.backlog,
      period: 60,
      periods: 10,
      silence: 'notBreaching',
    },
    {
      kind: 'stalled',
      metrics: {
        age: sqsMetric(main, 'ApproximateAgeOfOldestMessage', 'Maximum'),
        visible: sqsMetric(main, 'ApproximateNumberOfMessagesVisible', 'Maximum'),
        ...finished,
      },
      // `visible` excludes a single message that waits for its next attempt.
      expression: `IF(age >= ${limit.stalled} AND visible > 0 AND ${sumOfFinished} <= 0, 1, 0)`,
      threshold: 1,
      period: 300,
      periods: 2,
      silence: 'notBreaching',
    },
    {
      kind: 'error-rate',
      metrics: outcomes,
      // With only a few jobs, one failure would be a high rate. The DLQ alarms report those failures.
      expression: `IF(succeeded + parked >= ${limit.errorRateJobs}, 100 * parked / (succeeded + parked), 0)`,
      threshold: limit.errorRate,
      period: 900,
      silence: 'notBreaching',
    },
    {
      kind: 'slow',
      metrics: { finish: own('TimeToFinish', 'Average') },
      threshold: limit.finish * 1000,
      period: 300,
      periods: 3,
      silence: 'notBreaching',
    },
  ];
  return specs.map((spec) => ({ ...spec, subject: name }));
}

/** Goes off when too many of a queue's last three canaries were late. The row sets the limit. */
export function canaryAlarm(
  { name, alarms }: WatchedQueue,
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
