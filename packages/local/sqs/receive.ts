import type { Message as Received, ReceiveMessageRequest, StartMessageMoveTaskRequest } from '@aws-sdk/client-sqs';
import {
  counts,
  enqueue,
  findQueue,
  invalidValue,
  type Message,
  moveBack,
  type Queue,
  receivable,
  remove,
  type Service,
  SqsError,
  UNRECEIVED,
} from './queue';
import { md5, remember } from './send';

const MOST_VISIBILITY_SECONDS = 43_200;

/** SQS looks for free groups only among so many messages of a queue. Returns the position of the last one. */
function horizonOf({ byId }: Queue, limit: number): number {
  let seen = 0;
  if (byId.size > limit) for (const { position } of byId.values()) if (++seen === limit) return position;
  return Infinity;
}

/** Runs one ReceiveMessage. A message that was already received maxReceiveCount times goes to the DLQ instead. */
export function receive(service: Service, queue: Queue, input: ReceiveMessageRequest): Received[] {
  const { MaxNumberOfMessages: max = 1, VisibilityTimeout: seconds } = input;
  if (max < 1 || max > 10) throw invalidValue('MaxNumberOfMessages', max, 'Must be between 1 and 10, if provided.');
  if (seconds !== undefined) checkVisibility(seconds);
  const now = service.now();
  const { inFlightLimit = 120_000 } = service;
  if (queue.byId.size >= inFlightLimit && counts(queue, now).inFlight >= inFlightLimit)
    throw new SqsError('OverLimit', 'Too many messages in flight.');

  const { redrive } = queue.settings;
  const deadLetterQueue = redrive && findQueue(service, redrive.targetArn);
  const taken: Message[] = [];
  const exhausted: Message[] = [];
  for (const message of receivable(queue, now, horizonOf(queue, inFlightLimit))) {
    if (taken.length === max) break;
    (deadLetterQueue && message.receivesHere >= redrive.maxReceiveCount ? exhausted : taken).push(message);
  }
  if (deadLetterQueue)
    for (const message of exhausted) moveToDeadLetterQueue(service, { message, from: queue, to: deadLetterQueue });
  for (const message of taken) {
    message.receiveCount += 1;
    message.receivesHere += 1;
    message.receivedAt = now;
    message.firstReceivedAt ??= now;
    message.visibleAt = now + (seconds === undefined ? queue.settings.visibilityMs : seconds * 1000);
    // A receipt handle identifies one delivery of one message in one queue.
    const handle = `${queue.name} ${message.messageId} ${service.uuid()}`;
    message.receiptHandle = Buffer.from(handle).toString('base64');
  }
  for (const group of new Set(taken.map((message) => message.group))) moveBack(queue, group);
  return taken.map((message) => view(message, input));
}

/**
 * The message of a receipt handle; `undefined` if it was deleted. A FIFO queue refuses a handle after the visibility
 * timeout, and one of an earlier delivery. A standard queue takes any handle of the message, as AWS was seen to do.
 */
function messageOf(service: Service, queue: Queue, handle = ''): Message | undefined {
  const [name, messageId, nonce] = Buffer.from(handle, 'base64').toString().split(' ');
  if (name !== queue.name || !messageId || !nonce)
    throw new SqsError('ReceiptHandleIsInvalid', `The input receipt handle "${handle}" is not a valid receipt handle.`);
  const message = queue.byId.get(messageId);
  if (message && queue.fifo && (message.receiptHandle !== handle || message.visibleAt <= service.now()))
    throw invalidValue('ReceiptHandle', handle, 'The receipt handle has expired.');
  return message;
}

/** Deletes a message. Deleting it twice is no error. */
export function deleteByReceipt(service: Service, queue: Queue, handle: string | undefined): void {
  const message = messageOf(service, queue, handle);
  if (!message) return;
  remove(queue, message);
  service.changed.add(queue.name);
}

function checkVisibility(seconds: number | undefined): asserts seconds is number {
  if (seconds === undefined || seconds < 0 || seconds > MOST_VISIBILITY_SECONDS)
    throw invalidValue('VisibilityTimeout', seconds, `Must be >= 0 and <= ${MOST_VISIBILITY_SECONDS}, if provided.`);
}

/** Makes a message invisible for `seconds` from now, in one delivery at most twelve hours. 0: receivable at once. */
export function changeVisibility(
  service: Service,
  queue: Queue,
  { handle, seconds }: { handle: string | undefined; seconds: number | undefined },
): void {
  checkVisibility(seconds);
  const message = messageOf(service, queue, handle);
  const now = service.now();
  const missing = 'Message does not exist or is not available for visibility timeout change.';
  if (message?.receivedAt === undefined) throw invalidValue('ReceiptHandle', handle, missing);
  const beyond = `Total VisibilityTimeout for the message is beyond the limit [${MOST_VISIBILITY_SECONDS} seconds]`;
  if (now - message.receivedAt + seconds * 1000 > MOST_VISIBILITY_SECONDS * 1000)
    throw invalidValue('VisibilityTimeout', seconds, beyond);
  message.visibleAt = now + seconds * 1000;
  moveBack(queue, message.group);
  service.changed.add(queue.name);
}

function view(message: Message, input: ReceiveMessageRequest): Received {
  const system = [...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])];
  const attributes = pick(systemAttributes(message), system);
  const own = pick(message.attributes, input.MessageAttributeNames);
  return {
    MessageId: message.messageId,
    ReceiptHandle: message.receiptHandle,
    Body: message.body,
    MD5OfBody: md5(message.body),
    ...(Object.keys(attributes).length > 0 && { Attributes: attributes }),
    ...(Object.keys(own).length > 0 && { MessageAttributes: own }),
  };
}

/** The values with these names, or all of them. */
const pick = <T>(values: Record<string, T | undefined>, names: readonly string[] = []): Record<string, T> =>
  Object.fromEntries(
    Object.entries(values).filter(
      (entry): entry is [string, T] => entry[1] !== undefined && (names.includes('All') || names.includes(entry[0])),
    ),
  );

const systemAttributes = (message: Message): Record<string, string | undefined> => ({
  // The model has one principal, which sends every message.
  SenderId: 'AIDALOCALSENDER000000',
  SentTimestamp: String(message.sentAt),
  ApproximateReceiveCount: String(message.receiveCount),
  ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
  SequenceNumber: message.sequenceNumber,
  MessageGroupId: message.groupId,
  MessageDeduplicationId: message.deduplicationId,
  DeadLetterQueueSourceArn: message.deadLetterSourceArn,
});

interface Move {
  message: Message;
  from: Queue;
  to: Queue;
}

/**
 * Moves a message to the DLQ as SQS does. The message keeps its id, group, attributes and reported receive count. In a
 * FIFO queue the message id becomes its deduplication id, and its time of sending and retention start again.
 */
function moveToDeadLetterQueue(service: Service, { message, from, to }: Move): void {
  const { messageId, sentAt, receiveCount, firstReceivedAt } = message;
  const kept = { receiveCount, firstReceivedAt, deadLetterSourceArn: from.arn };
  const own = to.fifo ? { deduplicationId: messageId } : { deduplicationId: undefined, sentAt };
  move(service, { message, from, to }, { ...kept, ...own });
}

/**
 * Runs a message move task at once: it moves the visible messages of a DLQ to their sources, or to a given queue. As on
 * AWS, it ends before a message whose source it cannot determine, because a client sent it to the DLQ.
 */
export function moveMessages(service: Service, { SourceArn, DestinationArn }: StartMessageMoveTaskRequest): void {
  const from = resourceOf(service, SourceArn);
  const destination = DestinationArn === undefined ? undefined : resourceOf(service, DestinationArn);
  if (![...service.queues.values()].some(({ settings }) => settings.redrive?.targetArn === from.arn))
    throw new SqsError('InvalidParameterValue', 'Source queue must be configured as a Dead Letter Queue.');
  for (;;) {
    const message = receivable(from, service.now()).next().value;
    const to = destination ?? findQueue(service, message?.deadLetterSourceArn);
    if (!message || !to) return;
    // SQS makes a new message of it.
    move(service, { message, from, to }, { messageId: service.uuid() });
  }
}

function move(service: Service, { message, from, to }: Move, changes: Partial<Message>): void {
  const now = service.now();
  remove(from, message);
  const { position: _position, group: _group, ...content } = message;
  remember(to, enqueue(service, to, { ...content, ...UNRECEIVED, sentAt: now, visibleAt: now, ...changes }), now);
  service.changed.add(from.name);
}

function resourceOf(service: Service, arn: string | undefined): Queue {
  const queue = findQueue(service, arn);
  if (queue) return queue;
  throw new SqsError('ResourceNotFoundException', "The resource that you specified for the ARN doesn't exist.");
}
