import { dlqName, queueName } from '../lib/jobs/keys';
import type { AlarmSpec, Metric } from './alarm';
import { TOPIC_ID } from './logical-id';
import type { QueueRow } from './queue-table';
import { type Thresholds, thresholdsSchema } from './thresholds';

/**
 * The alarms of one queue. `NumberOfMessagesSent` is not among their metrics: it does not count what a redrive policy
 * moves into a DLQ. Nor is it enough to look at what is visible there: the reconciler takes entries in flight when it
 * looks through them. `canaries`: whether the queue has any.
 */
export function queueAlarms(
  row: QueueRow,
  { instance, stage, canaries }: { instance: string; stage: Thresholds; canaries: boolean },
): AlarmSpec[] {
  const { name, type } = row;
  const limit = thresholdsSchema.parse({ ...stage, ...row.alarms });
  const sqs = (queue: string, metric: string, statistic: Metric['statistic']): Metric => ({
    namespace: 'AWS/SQS',
    name: metric,
    dimensions: { QueueName: queue },
    statistic,
  });
  const own = (metric: string, statistic: Metric['statistic']): Metric => ({
    namespace: instance,
    name: metric,
    dimensions: { queue: name },
    statistic,
  });
  const main = queueName(instance, name, type);
  const dlq = dlqName(instance, name, type);
  const about = { subject: name, topic: TOPIC_ID };

  return [
    {
      ...about,
      kind: 'dlq-depth',
      metrics: {
        visible: sqs(dlq, 'ApproximateNumberOfMessagesVisible', 'Maximum'),
        inFlight: sqs(dlq, 'ApproximateNumberOfMessagesNotVisible', 'Maximum'),
      },
      expression: 'visible + inFlight',
      threshold: limit.dlqDepth,
      period: 60,
      silence: 'ignore',
    },
    {
      ...about,
      kind: 'dlq-age',
      metrics: { age: sqs(dlq, 'ApproximateAgeOfOldestMessage', 'Maximum') },
      threshold: limit.dlqAge,
      period: 300,
      silence: 'ignore',
    },
    {
      ...about,
      kind: 'held',
      metrics: { held: own('OldestHeld', 'Maximum') },
      threshold: limit.held * 1000,
      period: 60,
      periods: 3,
      silence: 'ignore',
    },
    {
      ...about,
      kind: 'returned',
      metrics: { returned: own('MessagesReturned', 'Sum') },
      threshold: 1,
      period: 300,
      silence: 'notBreaching',
    },
    {
      ...about,
      kind: 'expired',
      metrics: { expired: own('JobsExpired', 'Sum') },
      threshold: 1,
      period: 300,
      silence: 'notBreaching',
    },
    {
      ...about,
      kind: 'age',
      metrics: { age: sqs(main, 'ApproximateAgeOfOldestMessage', 'Maximum') },
      threshold: limit.age,
      period: 60,
      periods: 5,
      silence: 'notBreaching',
    },
    {
      ...about,
      kind: 'backlog',
      metrics: { visible: sqs(main, 'ApproximateNumberOfMessagesVisible', 'Maximum') },
      threshold: limit.backlog,
      period: 60,
      periods: 10,
      silence: 'notBreaching',
    },
    {
      ...about,
      kind: 'stalled',
      metrics: {
        age: sqs(main, 'ApproximateAgeOfOldestMessage', 'Maximum'),
        visible: sqs(main, 'ApproximateNumberOfMessagesVisible', 'Maximum'),
        deleted: sqs(main, 'NumberOfMessagesDeleted', 'Sum'),
        ...(canaries ? { canaries: own('Canary', 'Sum') } : {}),
      },
      // Without what is visible, one message that waits for its next attempt would count; and with canaries, jobs that
      // are never done would pass for done.
      expression: `IF(age >= ${limit.stalled} AND visible > 0 AND FILL(deleted, 0)${canaries ? ' - FILL(canaries, 0)' : ''} <= 0, 1, 0)`,
      threshold: 1,
      period: 300,
      periods: 2,
      silence: 'notBreaching',
    },
    {
      ...about,
      kind: 'error-rate',
      metrics: { succeeded: own('JobsSucceeded', 'Sum'), parked: own('JobsParked', 'Sum') },
      // Of a handful of jobs a single failure would be a rate of its own: those few are told of by the DLQ.
      expression: `IF(succeeded + parked >= ${limit.errorRateJobs}, 100 * parked / (succeeded + parked), 0)`,
      threshold: limit.errorRate,
      period: 900,
      silence: 'notBreaching',
    },
    {
      ...about,
      kind: 'slow',
      metrics: { finish: own('TimeToFinish', 'Average') },
      threshold: limit.finish * 1000,
      period: 300,
      periods: 3,
      silence: 'notBreaching',
    },
  ];
}
