import type { FactMessage } from '../../lib/alarms/fact';
import type { AlarmChange } from '../../lib/alarms/notification';

/** An alarm's change as CloudWatch publishes it. */
export const alarmChange = (changes: Partial<AlarmChange> = {}): AlarmChange => ({
  AlarmName: 'acme-feedback-dlq-depth',
  NewStateValue: 'ALARM',
  OldStateValue: 'OK',
  NewStateReason:
    'Threshold Crossed: 1 out of the last 1 datapoints [3.0 (02/01/26 03:03:00)] was greater than or equal to the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).',
  StateChangeTime: '2026-01-02T03:04:05.678+0000',
  Trigger: { Threshold: 1, ComparisonOperator: 'GreaterThanOrEqualToThreshold' },
  ...changes,
});

/** A fact as the reconciler publishes it. */
export const aFact = (changes: Partial<FactMessage> = {}): FactMessage => ({
  fact: 'circuit-open',
  subject: 'zendesk',
  code: 'ZendeskUnavailable',
  on: true,
  since: Date.UTC(2026, 0, 2, 3, 4, 5),
  at: Date.UTC(2026, 0, 2, 3, 4, 5),
  ...changes,
});

/** The same as a message of the topic. */
export const snsMessage = (change: unknown, Subject = 'ALARM') => ({
  MessageId: 'message-1',
  Subject,
  Message: typeof change === 'string' ? change : JSON.stringify(change),
});
