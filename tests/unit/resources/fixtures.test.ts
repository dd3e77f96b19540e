import { readFileSync } from 'node:fs';
import type { SNSEvent, SQSEvent } from 'aws-lambda';
import { notificationOf } from '../../../lib/alarms/notification';
import { encodeBatch } from '../../../lib/analytics/encode';
import { analyticsSchema } from '../../../lib/analytics/message';
import { emailMessageSchema } from '../../../lib/emails/message';
import { feedbackPerson, feedbackSchema } from '../../../lib/feedback/message';
import { parseEnvelope, parseOrPark } from '../../../lib/jobs/envelope';
import { LOCAL_APPS } from '../../../lib/local/fakes/app-store-connect';
import { inviteSchema, testflightGroup } from '../../../lib/testflight/message';
import { hashed } from '../../support/hash-people';

const recordOf = (file: string) => {
  const [record] = (JSON.parse(readFileSync(`tests/fixtures/${file}`, 'utf8')) as SQSEvent).Records;
  if (!record) throw new Error(`${file} has no record`);
  return record;
};

test('the local queue could deliver the feedback event', () => {
  const record = recordOf('feedback.json');
  const envelope = parseEnvelope(record.body);
  const feedback = feedbackSchema.parse(envelope.data);

  expect(envelope.type).toBe('feedback.submitted.v1');
  expect(record.eventSourceARN).toBe('arn:aws:sqs:us-east-1:000000000000:local-feedback.fifo');
  expect(record.attributes).toMatchObject({
    MessageGroupId: hashed(feedbackPerson(feedback))[0],
    MessageDeduplicationId: envelope.id,
  });
});

test('the invalid feedback event holds a job whose data is refused', () => {
  const { data } = parseEnvelope(recordOf('feedback-invalid.json').body);

  expect(() => parseOrPark(feedbackSchema, data, 'data')).toThrow(/data\./);
});

test('the local queue could deliver the testflight event, and the fake knows its app', () => {
  const record = recordOf('testflight.json');
  const envelope = parseEnvelope(record.body);
  const invite = parseOrPark(inviteSchema, envelope.data, 'data');

  expect(envelope.type).toBe('testflight.invite.v1');
  expect(record.eventSourceARN).toBe('arn:aws:sqs:us-east-1:000000000000:local-testflight.fifo');
  expect(record.attributes).toMatchObject({
    MessageGroupId: testflightGroup(invite),
    MessageDeduplicationId: envelope.id,
  });
  expect(LOCAL_APPS.apps.find(({ id }) => id === invite.app)?.groups).toEqual(invite.groups);
});

test('the local queue could deliver the analytics event, which holds one event to reject', () => {
  const record = recordOf('analytics.json');
  const envelope = parseEnvelope(record.body);
  const { accepted, rejected } = encodeBatch(envelope, parseOrPark(analyticsSchema, envelope.data, 'data').events);

  expect(envelope.type).toBe('analytics.events.v1');
  expect(record.eventSourceARN).toBe('arn:aws:sqs:us-east-1:000000000000:local-analytics.fifo');
  expect(record.attributes).toMatchObject({
    MessageGroupId: envelope.partitionkey,
    MessageDeduplicationId: envelope.id,
  });
  expect([accepted?.events, rejected?.events]).toEqual([2, 1]);
});

test('the local queue could deliver the emails event, which holds one mail', () => {
  const record = recordOf('emails.json');
  const envelope = parseEnvelope(record.body);
  parseOrPark(emailMessageSchema, envelope.data, 'data');

  expect(envelope.type).toBe('email.message.v1');
  expect(record.eventSourceARN).toBe('arn:aws:sqs:us-east-1:000000000000:local-emails.fifo');
  expect(record.attributes).toMatchObject({ MessageGroupId: envelope.id, MessageDeduplicationId: envelope.id });
});

test('the event of the alarms is an alarm', () => {
  const { Records } = JSON.parse(readFileSync('tests/fixtures/alarms.json', 'utf8')) as SNSEvent;

  expect(Records.map(({ Sns }) => notificationOf(Sns, { instance: 'local', queues: ['feedback'] }))).toMatchObject([
    { change: { kind: 'reconciler-missing', rings: true } },
  ]);
});
