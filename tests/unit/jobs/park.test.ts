import { fitting, PLACEHOLDER } from '../../../lib/jobs/messages';
import { createSqsModel } from '../../../packages/local/sqs/model';

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
