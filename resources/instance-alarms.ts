import type { AlarmSpec, Metric } from './alarm';
import { TOPIC_ID, UNDELIVERED_TOPIC_ID } from './logical-id';
import { undeliveredQueueName } from './topic';

const VENDORS = ['zendesk', 'sendgrid', 'app-store-connect'];

/** What is watched once per instance. `workers` are the names of its queues. */
export function instanceAlarms(instance: string, workers: string[]): AlarmSpec[] {
  const own = (name: string, statistic: Metric['statistic'], dimensions: Record<string, string> = {}): Metric => ({
    namespace: instance,
    name,
    dimensions,
    statistic,
  });
  return [
    ...VENDORS.map(
      (vendor): AlarmSpec => ({
        kind: 'stopped',
        subject: vendor,
        topic: TOPIC_ID,
        metrics: { stopped: own('VendorStopped', 'Maximum', { vendor }) },
        threshold: 1,
        period: 60,
        silence: 'ignore',
      }),
    ),
    {
      kind: 'reconciler',
      topic: TOPIC_ID,
      metrics: { runs: own('ReconcilerRuns', 'Sum') },
      threshold: 1,
      below: true,
      period: 60,
      periods: 5,
      silence: 'breaching',
    },
    {
      kind: 'reconciler-failures',
      topic: TOPIC_ID,
      metrics: { failures: own('ReconcilerFailures', 'Sum') },
      threshold: 1,
      period: 300,
      periods: 3,
      silence: 'notBreaching',
    },
    ...(workers.includes('emails') ? campaigns(own) : []),
    ...(workers.includes('analytics') ? [compaction(own)] : []),
    {
      kind: 'undelivered',
      topic: UNDELIVERED_TOPIC_ID,
      metrics: {
        visible: {
          namespace: 'AWS/SQS',
          name: 'ApproximateNumberOfMessagesVisible',
          dimensions: { QueueName: undeliveredQueueName(instance) },
          statistic: 'Maximum',
        },
      },
      threshold: 1,
      period: 60,
      // Nobody touches that queue, and of one that lies still SQS says nothing after some hours.
      silence: 'ignore',
    },
  ];
}

type Own = (name: string, statistic: Metric['statistic'], dimensions: Record<string, string>) => Metric;

const compaction = (own: Own): AlarmSpec => ({
  kind: 'compaction',
  topic: TOPIC_ID,
  metrics: { failures: own('CompactionFailures', 'Sum', {}) },
  threshold: 1,
  // It runs each quarter of an hour, and what one run has left the next one does.
  period: 1800,
  periods: 2,
  silence: 'notBreaching',
});

const campaigns = (own: Own): AlarmSpec[] => [
  {
    kind: 'campaign-paused',
    topic: TOPIC_ID,
    metrics: { paused: own('CampaignsPaused', 'Sum', { queue: 'emails' }) },
    threshold: 1,
    period: 300,
    silence: 'notBreaching',
  },
  {
    kind: 'no-events',
    topic: TOPIC_ID,
    metrics: { silent: own('ChunksWithoutEvents', 'Sum', { queue: 'emails' }) },
    threshold: 1,
    period: 300,
    silence: 'notBreaching',
  },
];
