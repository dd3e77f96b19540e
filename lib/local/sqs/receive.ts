import type { Message as Received, ReceiveMessageRequest } from '@aws-sdk/client-sqs';
import { moveToDeadLetterQueue } from './dead-letter';
import { invalidValue, SqsError } from './errors';
import { type Attributes, attributesMd5 } from './message';
import { counts, type Message, moveBack, type Queue } from './queue';
import { issueReceipt } from './receipts';
import { findQueue, nextPosition, type Service } from './service';

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
  if (seconds !== undefined && (seconds < 0 || seconds > 43_200))
    throw invalidValue('VisibilityTimeout', seconds, 'Must be >= 0 and <= 43200, if provided.');
  const now = service.now();
  const known = repeated(queue, input.ReceiveRequestAttemptId, now);
  if (known) return known.map((message) => deliverAgain(queue, message, { now, seconds, input }));
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
    message.visibleAt = now + visibilityMs(queue, seconds);
    message.receiptHandle = issueReceipt(queue, message, service.uuid());
  }
  for (const group of new Set(taken.map((message) => message.group))) moveBack(queue, group, nextPosition(service));
  if (input.ReceiveRequestAttemptId !== undefined)
    queue.attempts.set(input.ReceiveRequestAttemptId, {
      deliveries: taken.map((message) => ({ message, receiptHandle: message.receiptHandle })),
      until: now + ATTEMPT_MS,
    });
  return taken.map((message) => view(message, input));
}

const visibilityMs = (queue: Queue, seconds: number | undefined): number =>
  seconds === undefined ? queue.settings.visibilityMs : seconds * 1000;

/** A caller whose receive had no answer gets the same messages for this long, under the same attempt id. */
const ATTEMPT_MS = 5 * 60_000;

/** The messages of an earlier receive under this attempt id, if all of them are still in flight from it. */
function repeated(queue: Queue, attemptId: string | undefined, now: number): Message[] | undefined {
  for (const [id, { until }] of queue.attempts) {
    if (until > now) break;
    queue.attempts.delete(id);
  }
  const attempt = attemptId === undefined ? undefined : queue.attempts.get(attemptId);
  const intact = attempt?.deliveries.every(
    ({ message, receiptHandle }) =>
      queue.byId.get(message.messageId) === message &&
      message.receiptHandle === receiptHandle &&
      message.visibleAt > now,
  );
  return intact && attempt ? attempt.deliveries.map(({ message }) => message) : undefined;
}

function deliverAgain(
  queue: Queue,
  message: Message,
  { now, seconds, input }: { now: number; seconds: number | undefined; input: ReceiveMessageRequest },
): Received {
  message.visibleAt = now + visibilityMs(queue, seconds);
  return view(message, input);
}

function view(message: Message, input: ReceiveMessageRequest): Received {
  const system = [...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])] as string[];
  const all = systemAttributes(message);
  const attributes = system.includes('All') ? all : pick(all, (name) => system.includes(name));
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
