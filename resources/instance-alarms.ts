import type { AlarmSpec } from './alarm';
import { UNDELIVERED_TOPIC_ID } from './logical-id';
import { ownMetric, sqsMetric } from './metric';
import type { QueueRow } from './queue-table';
import { undeliveredQueueName } from './topic';

export const VENDORS = ['zendesk', 'sendgrid', 'app-store-connect'];

/** The alarms that an instance has once. */
export function instanceAlarms(instance: string, rows: QueueRow[]): AlarmSpec[] {
  const own = ownMetric(instance);
  const has = (queue: string) => rows.some(({ name }) => name === queue);
  return [
    ...VENDORS.map(
      (vendor): AlarmSpec => ({
        kind: 'stopped',
        subject: vendor,
        metrics: { stopped: ownMetric(instance, { vendor })('VendorStopped', 'Maximum') },
        threshold: 1,
        period: 60,
        silence: 'ignore',
      }),
    ),
    {
      kind: 'reconciler',
      metrics: { runs: own('ReconcilerRuns', 'Sum') },
      threshold: 1,
      below: true,
      period: 60,
      periods: 5,
      silence: 'breaching',
    },
    {
      kind: 'reconciler-failures',
      metrics: { failures: own('ReconcilerFailures', 'Sum') },
      threshold: 1,
      period: 300,
      periods: 3,
      silence: 'notBreaching',
    },
    ...(has('emails') ? campaigns(instance) : []),
    ...(has('analytics') ? [compaction(instance)] : []),
    {
      kind: 'undelivered',
      topic: UNDELIVERED_TOPIC_ID,
      metrics: {
        visible: sqsMetric(undeliveredQueueName(instance), 'ApproximateNumberOfMessagesVisible', 'Maximum'),
      },
      threshold: 1,
      period: 60,
      // This queue is mostly idle, and SQS sends no metrics for a queue that is idle for some hours.
      silence: 'ignore',
    },
  ];
}

const compaction = (instance: string): AlarmSpec => ({
  kind: 'compaction',
  metrics: { failures: ownMetric(instance)('CompactionFailures', 'Sum') },
  threshold: 1,
  // It runs every 15 minutes, and the next run does what one run left.
  period: 1800,
  periods: 2,
  silence: 'notBreaching',
});

const campaigns = (instance: string): AlarmSpec[] => [
  {
    kind: 'campaign-paused',
    metrics: { paused: ownMetric(instance, { queue: 'emails' })('CampaignsPaused', 'Sum') },
    threshold: 1,
    period: 300,
    silence: 'notBreaching',
  },
  {
    kind: 'no-events',
    metrics: { silent: ownMetric(instance, { queue: 'emails' })('ChunksWithoutEvents', 'Sum') },
    threshold: 1,
    period: 300,
    silence: 'notBreaching',
  },
];
