import * as keys from '../../../../lib/engine/jobs/keys';
import { fitting, PLACEHOLDER } from '../../../../lib/engine/jobs/messages';
import { groupBy } from '../../../../lib/platform/group-by';
import { VENDORS } from '../../../../lib/queues/queues';
import { createSqsModel } from '../../../../packages/local/sqs/model';

const id = '0190a1b2-0000-7000-8000-000000000001';
const time = Date.parse('2026-12-31T23:59:59.999Z');

// Running systems store these names in tables, buckets and queues. Each change needs a migration.
test('names that are stored or shared never change', () => {
  expect(keys.jobKey('feedback', id)).toBe(`feedback#${id}`);
  expect(keys.todoKey('feedback', 'held')).toBe('feedback#held');
  expect(keys.todoKey('feedback', 'held', 'zendesk')).toBe('feedback#held#zendesk');
  expect(keys.todoKeyOf({ queue: 'feedback', id }, 'active')).toBe('feedback#active#2');
  expect(keys.recordKey('jobs', { queue: 'feedback', time, id })).toBe(
    `jobs/feedback/year=2026/month=12/day=31/hour=23/${id}.json`,
  );
  expect(keys.recordKey('jobs', { queue: 'analytics', time, id })).toBe(
    `jobs/analytics/year=2026/month=12/day=31/hour=23/${id}.json`,
  );
  expect(keys.bodyKey('jobs', 'feedback', id)).toBe(`jobs/_bodies/feedback/${id}`);
  expect(keys.queueName('mht-api', 'feedback', 'fifo')).toBe('mht-api-feedback.fifo');
  expect(keys.dlqName('mht-api', 'feedback', 'fifo')).toBe('mht-api-feedback-dlq.fifo');
  expect(keys.dlqName('mht-api', 'feedback', 'standard')).toBe('mht-api-feedback-dlq');
  expect(keys.queueUrlOfArn('arn:aws:sqs:eu-central-1:123456789012:mht-api-feedback.fifo')).toBe(
    'https://sqs.eu-central-1.amazonaws.com/123456789012/mht-api-feedback.fifo',
  );
});

test('the entries of active jobs are spread evenly over eight keys', () => {
  const ids = Array.from({ length: 8_000 }, (_, n) => `0190a1b2-0000-7000-8000-${(n * 7_919).toString(16)}`);
  const spread = groupBy(ids, (one) => keys.todoKeyOf({ queue: 'feedback', id: one }, 'active'));

  expect(keys.todoKeys('feedback', 'active')).toEqual([...spread.keys()].sort());
  expect(spread.size).toBe(8);
  expect(Math.max(...[...spread.values()].map(({ length }) => length))).toBeLessThan(1_200);
});

test('a kind with few jobs has one key, and held jobs have one for each vendor', () => {
  expect(keys.todoKeys('feedback', 'paused')).toEqual(['feedback#paused']);
  const ofVendors = VENDORS.map((vendor) => `feedback#held#${vendor}`);
  expect(keys.todoKeys('feedback', 'held', VENDORS)).toEqual(['feedback#held', ...ofVendors]);
});

test('each message has its own deduplication id, and only who knows the random of the row can name one of ours', () => {
  const row = { id, token: 'random', version: 1, generation: 1 };

  expect(keys.deduplicationId.opened(row)).toBe('random:1');
  expect(keys.deduplicationId.opened({ ...row, version: 2 })).toBe('random:2');
  expect(keys.deduplicationId.parked(row)).toBe('random:p:1');
  expect(keys.deduplicationId.unread(id, 'm')).toBe(`${id}:d:m`);
});

const MIB = 1024 * 1024;
const attributes = { reason: 'error', code: 'ZendeskRejected', message: 'the vendor rejects the request (422)' };
/** SQS counts names, types and values. */
const ATTRIBUTE_BYTES = Object.entries({ ...attributes, job: 'job-1' }).reduce(
  (sum, [name, value]) => sum + name.length + 'String'.length + value.length,
  0,
);

test.each([
  ['as large as SQS allows keeps its body', 0, false],
  ['a byte larger gets a placeholder', 1, true],
])('a message that is %s, and SQS takes it', (_what, more, replaced) => {
  const model = createSqsModel({ now: () => 0, uuid: () => 'id' });
  const { QueueUrl } = model.createQueue({ QueueName: 'q' });
  const body = 'x'.repeat(MIB - ATTRIBUTE_BYTES + more);

  const message = fitting({ body, attributes }, 'job-1');

  expect(message.body === PLACEHOLDER).toBe(replaced);
  const MessageAttributes = Object.fromEntries(
    Object.entries(message.attributes ?? {}).map(([name, value]) => [name, { DataType: 'String', StringValue: value }]),
  );
  expect(() => model.sendMessage({ QueueUrl, MessageBody: message.body, MessageAttributes })).not.toThrow();
});
