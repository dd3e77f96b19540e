import type { QueueRow } from '../../instances/queue-row';
import { dlqName, queueName } from '../../jobs/keys';
import { ownMetric, sqsMetric } from './metric';
import type { AlarmSpec } from './spec';

/** What the alarms need from a queue's row. */
export type WatchedQueue = Pick<QueueRow, 'name' | 'type' | 'alarms'>;

/** The canary's alarm looks at this many canaries. */
const LOOKED_AT = 3;

/**
 * The alarms of one queue. None uses `NumberOfMessagesSent`, which does not count messages that a redrive policy moves
 * to a DLQ. A DLQ's depth also counts messages in flight, because the reconciler receives entries while it checks them.
 * `canaryMinutes`: the time between two canaries; 0 means none.
 */
export function queueAlarms(
  { name, type, alarms: limit }: WatchedQueue,
  { instance, canaryMinutes }: { instance: string; canaryMinutes: number },
): AlarmSpec[] {
  const own = ownMetric(instance, { queue: name });
  const dlq = dlqName(instance, name, type);
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
      kind: 'oldest-message',
      metrics: { age: sqsMetric(queueName(instance, name, type), 'ApproximateAgeOfOldestMessage', 'Maximum') },
      threshold: limit.age,
      period: 60,
      periods: 5,
      silence: 'notBreaching',
    },
    {
      kind: 'oldest-held',
      metrics: { held: own('OldestHeld', 'Maximum') },
      threshold: limit.held * 1000,
      period: 60,
      periods: 3,
      silence: 'ignore',
    },
    {
      kind: 'error-rate',
      metrics: { succeeded: own('JobsSucceeded', 'Sum'), dead: own('JobsDead', 'Sum') },
      // With only a few jobs, one failure would be a high rate. Those failures are told job by job.
      expression: `IF(succeeded + dead >= ${limit.errorRateJobs}, 100 * dead / (succeeded + dead), 0)`,
      threshold: limit.errorRate,
      period: 900,
      silence: 'notBreaching',
    },
    {
      kind: 'jobs-slow',
      metrics: { finish: own('TimeToFinish', 'Average') },
      threshold: limit.finish * 1000,
      period: 300,
      periods: 3,
      silence: 'notBreaching',
    },
  ];
  const canary: AlarmSpec = {
    kind: 'canary-late',
    metrics: { done: own('Canary', 'Average') },
    threshold: 1,
    below: true,
    period: canaryMinutes * 60,
    periods: LOOKED_AT,
    datapoints: limit.canary,
    // The reconciler measures canaries. If it stops, its own alarm goes off.
    silence: 'ignore',
  };
  return [...specs, ...(canaryMinutes > 0 ? [canary] : [])].map((spec) => ({ ...spec, subject: name }));
}
