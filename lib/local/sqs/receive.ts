import type { Message as Received, ReceiveMessageRequest } from '@aws-sdk/client-sqs';
import { invalidValue, SqsError } from './errors';
import { type Attributes, attributesMd5 } from './message';
import { counts, enqueue, findQueue, type Message, moveBack, type Queue, remove, type Service } from './queue';
import { remember } from './send';

const MOST_VISIBILITY_SECONDS = 43_200;

/**
 * The receivable messages in SQS's order: groups by their turn, and inside a group up to the first invisible message.
 * So a batch can hold several messages of a group, and no message overtakes one in flight.
 */
export function* receivable(queue: Queue, now: number, horizon = Infinity): Generator<Message> {
  for (const group of queue.order) {
    for (const message of group.messages) {
      if (message.visibleAt > now || message.position > horizon) break;
      yield message;
    }
  }
}

/** SQS looks for free groups only among so many messages of a queue. Returns the position of the last one. */
function horizonOf(queue: Queue, limit: number): number {
  if (queue.byId.size <= limit) return Infinity;
  let seen = 0;
  for (const { position } of queue.byId.values()) {
    seen += 1;
    if (seen === limit) return position;
  }
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
  for (const group of new Set(taken.map((message) => message.group))) moveBack(service, queue, group);
  return taken.map((message) => view(message, input));
}

/**
 * Moves a message to the DLQ as SQS does. The message keeps its id, group, attributes and reported receive count. In a
 * FIFO queue the message id becomes its deduplication id, and its time of sending and retention start again.
 */
function moveToDeadLetterQueue(
  service: Service,
  { message, from, to }: { message: Message; from: Queue; to: Queue },
): void {
  const now = service.now();
  remove(from, message);
  const { position: _position, group: _group, ...content } = message;
  const moved = enqueue(service, to, {
    ...content,
    deduplicationId: to.fifo ? message.messageId : undefined,
    sentAt: to.fifo ? now : message.sentAt,
    visibleAt: now,
    receivedAt: undefined,
    receivesHere: 0,
    receiptHandle: undefined,
    deadLetterSourceArn: from.arn,
  });
  remember(to, moved, now);
  service.changed.add(from.name);
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

/**
 * Makes a message invisible for `seconds` from now; 0 makes it receivable at once. SQS limits a delivery to twelve
 * hours.
 */
export function changeVisibility(
  service: Service,
  queue: Queue,
  { handle, seconds }: { handle: string | undefined; seconds: number | undefined },
): void {
  checkVisibility(seconds);
  const message = messageOf(service, queue, handle);
  const now = service.now();
  if (message?.receivedAt === undefined)
    throw invalidValue(
      'ReceiptHandle',
      handle,
      'Message does not exist or is not available for visibility timeout change.',
    );
  if (now - message.receivedAt + seconds * 1000 > MOST_VISIBILITY_SECONDS * 1000)
    throw invalidValue(
      'VisibilityTimeout',
      seconds,
      `Total VisibilityTimeout for the message is beyond the limit [${MOST_VISIBILITY_SECONDS} seconds]`,
    );
  message.visibleAt = now + seconds * 1000;
  moveBack(service, queue, message.group);
  service.changed.add(queue.name);
}

function view(message: Message, input: ReceiveMessageRequest): Received {
  const system = [...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])] as string[];
  const attributes = pick(systemAttributes(message), (name) => system.includes('All') || system.includes(name));
  const chosen = pick(message.attributes, (name) => (input.MessageAttributeNames ?? []).some(matches(name)));
  return {
    MessageId: message.messageId,
    ReceiptHandle: message.receiptHandle,
    Body: message.body,
    MD5OfBody: message.bodyMd5,
    ...(Object.keys(attributes).length > 0 && { Attributes: attributes }),
    ...(Object.keys(chosen).length > 0 && {
      MessageAttributes: chosen,
      MD5OfMessageAttributes: attributesMd5(chosen as Attributes),
    }),
  };
}

/** A pattern is `All`, `*`, `.*`, a name, or a prefix followed by `.*`. */
const matches = (name: string) => (pattern: string) =>
  pattern === 'All' ||
  pattern === '*' ||
  pattern === name ||
  (pattern.endsWith('.*') && name.startsWith(pattern.slice(0, -2)));

const pick = <T>(values: Record<string, T>, wanted: (name: string) => boolean): Record<string, T> =>
  Object.fromEntries(Object.entries(values).filter(([name]) => wanted(name)));

/** The model has one principal, which sends every message. */
const SENDER_ID = 'AIDALOCALSENDER000000';

function systemAttributes(message: Message): Record<string, string> {
  const values = {
    SenderId: SENDER_ID,
    SentTimestamp: String(message.sentAt),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
    SequenceNumber: message.sequenceNumber,
    MessageGroupId: message.groupId,
    MessageDeduplicationId: message.deduplicationId,
    AWSTraceHeader: message.traceHeader,
    DeadLetterQueueSourceArn: message.deadLetterSourceArn,
  };
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
