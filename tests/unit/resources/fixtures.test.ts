import { readFileSync } from 'node:fs';
import type { SNSEvent, SQSEvent } from 'aws-lambda';
import { notificationOf } from '../../../lib/alarms/notification';
import { analyticsSchema } from '../../../lib/analytics/message';
import { encodeBatch } from '../../../lib/analytics/process';
import { emailMessageSchema } from '../../../lib/emails/message';
import { feedbackPerson, feedbackSchema } from '../../../lib/feedback/message';
import { parseEnvelope, parseOrPark } from '../../../lib/jobs/envelope';
import { inviteSchema, testflightGroup } from '../../../lib/testflight/message';
import { hashed } from '../../support/hash-people';

/** The queue's event, its job's type, and the job's group. */
const EVENTS: Record<string, { type: string; groupOf: (data: unknown, id: string) => string | undefined }> = {
  feedback: { type: 'feedback.submitted.v1', groupOf: (data) => hashed(feedbackPerson(feedbackSchema.parse(data)))[0] },
  testflight: { type: 'testflight.invite.v1', groupOf: (data) => testflightGroup(inviteSchema.parse(data)) },
  analytics: { type: 'analytics.events.v1', groupOf: () => analytics.partitionkey },
  emails: { type: 'email.message.v1', groupOf: (data, id) => emailMessageSchema.parse(data) && id },
};

function recordOf(file: string) {
  const [record] = (JSON.parse(readFileSync(`tests/fixtures/${file}.json`, 'utf8')) as SQSEvent).Records;
  if (!record) throw new Error(`${file} has no record`);
  return { ...record, envelope: parseEnvelope(record.body) };
}
const { envelope: analytics } = recordOf('analytics');

test.each(Object.entries(EVENTS))('the local queue could deliver the %s event', (queue, { type, groupOf }) => {
  const { envelope, eventSourceARN, attributes } = recordOf(queue);

  expect(envelope.type).toBe(type);
  expect(eventSourceARN).toBe(`arn:aws:sqs:us-east-1:000000000000:local-${queue}.fifo`);
  expect(attributes).toMatchObject({
    MessageGroupId: groupOf(envelope.data, envelope.id),
    MessageDeduplicationId: envelope.id,
  });
});

test('of the events that are refused, one holds invalid data, and the one of analytics an invalid event', () => {
  const { accepted, rejected } = encodeBatch(analytics, analyticsSchema.parse(analytics.data).events);

  expect(() => parseOrPark(feedbackSchema, recordOf('feedback-invalid').envelope.data, 'data')).toThrow(/data\./);
  expect([accepted?.events, rejected?.events]).toEqual([2, 1]);
});

test('the event of the alarms is an alarm', () => {
  const { Records } = JSON.parse(readFileSync('tests/fixtures/alarms.json', 'utf8')) as SNSEvent;

  expect(Records.map(({ Sns }) => notificationOf(Sns, { instance: 'local', queues: ['feedback'] }))).toMatchObject([
    { change: { kind: 'reconciler-missing', firing: true } },
  ]);
});
