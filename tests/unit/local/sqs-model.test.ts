import { queueArn } from '../../../packages/local/loopback';
import { createSqsModel, type SqsModel } from '../../../packages/local/sqs/model';
import type { SqsModelOptions } from '../../../packages/local/sqs/queue';
import { controlledClock } from '../../support/controlled-clock';

function given(attributes: Record<string, string> = {}, options: Partial<SqsModelOptions> = {}) {
  const clock = controlledClock();
  let ids = 0;
  const model = createSqsModel({ now: clock.now, uuid: () => `id-${++ids}`, ...options });
  const Attributes = { FifoQueue: 'true', VisibilityTimeout: '30', ...attributes };
  const { QueueUrl = '' } = model.createQueue({ QueueName: 'jobs.fifo', Attributes });
  return { clock, model, QueueUrl };
}

const fifo = (body: string, group = 'g1') => ({ MessageGroupId: group, MessageDeduplicationId: body });

const send = (model: SqsModel, body: string, group = 'g1') =>
  model.sendMessage({ ...{ QueueUrl: 'jobs.fifo', MessageBody: body }, ...fifo(body, group) });

const receive = (model: SqsModel, max = 10) =>
  model.receiveMessage({ QueueUrl: 'jobs.fifo', MaxNumberOfMessages: max }).Messages ?? [];

test.each(['RedrivePolicy', 'RedriveAllowPolicy'])('a queue whose %s is no JSON is refused', (attribute) => {
  expect(() => given({ [attribute]: 'no json' })).toThrow(/^Invalid attributes\. .*must be JSON/);
});

test('the next change of a queue is never over, although SQS delivers an old copy behind a newer message of its group', () => {
  const { clock, model } = given({ MessageRetentionPeriod: '3600', VisibilityTimeout: '5000' });
  send(model, 'oldest', 'g2');
  clock.advance(100_000);
  send(model, 'old');
  const copy = model.messages('jobs.fifo').find(({ body }) => body === 'old');
  if (!copy) throw new Error('no message');
  const old = receive(model).find(({ Body }) => Body === 'old');
  model.deleteMessage({ QueueUrl: 'jobs.fifo', ReceiptHandle: old?.ReceiptHandle ?? '' });
  clock.advance(500_000);
  send(model, 'new');
  model.redeliver('jobs.fifo', copy);

  // The oldest message expires, and then the copy.
  clock.advance(3_050_000);
  expect(model.messages('jobs.fifo').map(({ body }) => body)).toEqual(['new', 'old']);
  clock.advance(100_000);
  const [first] = receive(model, 1);
  model.deleteMessage({ QueueUrl: 'jobs.fifo', ReceiptHandle: first?.ReceiptHandle ?? '' });

  expect(first?.Body).toBe('new');
  expect(receive(model)).toEqual([]);
  expect(model.nextChangeAt('jobs.fifo')).toBeUndefined();
});

test('the next change of a queue is the expiry of its first message, or the end of its visibility timeout', () => {
  const { clock, model, QueueUrl } = given({ MessageRetentionPeriod: '600' });
  for (const body of ['m1', 'm2']) send(model, body);
  expect(model.nextChangeAt('jobs.fifo')).toBe(clock.now() + 600_000);

  const [first] = receive(model);
  model.changeMessageVisibility({ QueueUrl, ReceiptHandle: first?.ReceiptHandle, VisibilityTimeout: 90 });

  expect(model.nextChangeAt('jobs.fifo')).toBe(clock.now() + 90_000);
});

test('a message move task tells who listens to its destination, whose next change is its next move', () => {
  const { clock, model } = given();
  const [dlq, other] = ['dead.fifo', 'other.fifo'];
  model.createQueue({ QueueName: dlq, Attributes: { FifoQueue: 'true' } });
  const [dlqArn, otherArn] = [dlq, other].map(queueArn);
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dlqArn, maxReceiveCount: 1 });
  model.createQueue({ QueueName: other, Attributes: { FifoQueue: 'true', RedrivePolicy } });
  model.sendMessage({ QueueUrl: dlq, MessageBody: 'm1', ...fifo('m1') });
  let told = 0;
  model.onChange(other, () => told++);

  model.startMessageMoveTask({ SourceArn: dlqArn, DestinationArn: otherArn, MaxNumberOfMessagesPerSecond: 1 });
  expect([told, model.nextChangeAt(other)]).toEqual([1, clock.now() + 1_000]);
  clock.advance(1_000);

  expect(model.receiveMessage({ QueueUrl: other }).Messages).toMatchObject([{ Body: 'm1' }]);
});

test('a queue is not found by the URL of another account', () => {
  expect(() => given().model.messages('http://127.0.0.1:9324/111111111111/jobs.fifo')).toThrow('does not exist');
});

test('a queue hands out the group with the oldest message first if it orders groups by age', () => {
  const { model, QueueUrl } = given({}, { groupOrder: 'age' });
  send(model, 'm1', 'g1');
  send(model, 'm2', 'g2');
  const [first] = receive(model, 1);

  model.changeMessageVisibility({ QueueUrl, ReceiptHandle: first?.ReceiptHandle, VisibilityTimeout: 0 });

  expect(receive(model).map(({ Body }) => Body)).toEqual(['m1', 'm2']);
});
