import { vendorsOf } from '../../errors';
import { undeliveredName } from '../../jobs/keys';
import { ownMetric, sqsMetric } from './metric';
import { type AlarmSpec, onOccurrence } from './spec';

/** The alarms that an instance has once. */
export function instanceAlarms(instance: string, rows: readonly { name: string }[]): AlarmSpec[] {
  const own = ownMetric(instance);
  const emails = ownMetric(instance, { queue: 'emails' });
  const has = (queue: string) => rows.some(({ name }) => name === queue);
  return [
    ...vendorsOf(rows.map(({ name }) => name)).map(
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
    { ...onOccurrence('reconciler-failures', own('ReconcilerFailures', 'Sum')), periods: 3 },
    onOccurrence('illegal-transition', own('IllegalTransitions', 'Sum')),
    onOccurrence('access-denied', own('AccessDenied', 'Sum')),
    ...(has('emails')
      ? [
          onOccurrence('campaign-paused', emails('CampaignsPaused', 'Sum')),
          onOccurrence('no-events', emails('ChunksWithoutEvents', 'Sum')),
          // Scanners try every public URL a few times.
          { ...onOccurrence('webhook-refused', emails('EmailEventsRefused', 'Sum')), threshold: 20 },
        ]
      : []),
    // Compaction runs every 15 minutes, and the next run does what one run left.
    ...(has('analytics')
      ? [{ ...onOccurrence('compaction', own('CompactionFailures', 'Sum')), period: 1800, periods: 2 }]
      : []),
    {
      kind: 'undelivered',
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
}
