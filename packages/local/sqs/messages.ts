import { hash } from 'node:crypto';
import type * as sdk from '@aws-sdk/client-sqs';
import {
  enqueue,
  findQueue,
  invalidValue,
  type Message,
  moveBack,
  type Queue,
  receivable,
  refused,
  remove,
  type Service,
  SqsError,
  type StoredMessage,
} from './queue';

type Outgoing = Omit<sdk.SendMessageRequest, 'QueueUrl'>;

/** A FIFO queue remembers a deduplication id for five minutes after the first send, even if the message is deleted. */
const WINDOW_MS = 5 * 60_000;
const BATCH_LIMIT = 10;
const ATTRIBUTE_LIMIT = 10;
/** Of a message, and of all messages of a batch. */
const SIZE_LIMIT_BYTES = 1_048_576;
/** Characters that XML 1.0 does not allow, lone surrogates included. */
const FORBIDDEN = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;
const MOST_VISIBILITY_SECONDS = 43_200;

const NOT_FOR_THIS_TYPE = 'The request include parameter that is not valid for this queue type.';

const md5 = (body: string): string => hash('md5', body);

/** Accepts a message. It answers a repeat with the ids of the first message and stores nothing. */
export function send(service: Service, queue: Queue, input: Outgoing): Omit<sdk.SendMessageBatchResultEntry, 'Id'> {
  const { MessageBody: body = '', MessageAttributes: attributes = {}, MessageGroupId: groupId } = input;
  checkContent(body, input);
  if (queue.fifo) checkIdentity(input);
  if (queue.fifo && input.DelaySeconds) throw invalidValue('DelaySeconds', input.DelaySeconds, NOT_FOR_THIS_TYPE);
  const deduplicationId = input.MessageDeduplicationId;
  if (!queue.fifo && deduplicationId !== undefined) throw refused(NOT_FOR_THIS_TYPE);
  for (const [parameter, token] of Object.entries({ MessageGroupId: groupId, MessageDeduplicationId: deduplicationId }))
    if (token !== undefined && !/^[!-~]{1,128}$/.test(token))
      throw invalidValue(parameter, token, 'It can only include alphanumeric and punctuation characters, 1 to 128.');
  const { messageId, sequenceNumber } =
    recall(service, queue, { groupId, deduplicationId }) ??
    accept(service, queue, { messageId: service.uuid(), body, attributes, groupId, deduplicationId });
  return { MD5OfMessageBody: md5(body), MessageId: messageId, SequenceNumber: sequenceNumber };
}

const sizeOf = ({ MessageBody: body = '', MessageAttributes: attributes = {} }: Outgoing): number =>
  Object.entries(attributes).reduce(
    (bytes, [name, { DataType = '', StringValue = '' }]) => bytes + Buffer.byteLength(name + DataType + StringValue),
    Buffer.byteLength(body),
  );

function checkContent(body: string, input: Outgoing): void {
  if (!body) throw new SqsError('MissingParameter', 'The request must contain the parameter MessageBody.');
  if (FORBIDDEN.test(body)) throw new SqsError('InvalidMessageContents', 'The body has a character that XML forbids.');
  const attributes = Object.entries(input.MessageAttributes ?? {});
  if (attributes.length > ATTRIBUTE_LIMIT)
    throw refused(
      `Number of message attributes [${attributes.length}] exceeds the allowed maximum [${ATTRIBUTE_LIMIT}].`,
    );
  for (const [name, { DataType: type, StringValue = '' }] of attributes)
    if (type === 'String' && (StringValue === '' || FORBIDDEN.test(StringValue)))
      throw refused(`Message (user) attribute '${name}' must contain a non-empty value of type '${type}'.`);
  const tooLong = `One or more parameters are invalid. Reason: Message must be shorter than ${SIZE_LIMIT_BYTES} bytes.`;
  if (sizeOf(input) > SIZE_LIMIT_BYTES) throw refused(tooLong);
}

function checkIdentity({ MessageGroupId, MessageDeduplicationId }: Outgoing): void {
  if (MessageGroupId === undefined)
    throw new SqsError('MissingParameter', 'The request must contain the parameter MessageGroupId.');
  if (MessageDeduplicationId === undefined)
    throw refused(
      'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    );
}

type Identity = Pick<Message, 'groupId' | 'deduplicationId'>;

const keyOf = (queue: Queue, { groupId, deduplicationId }: Identity): string =>
  queue.settings.deduplicatesInGroup ? `${groupId} ${deduplicationId}` : `${deduplicationId}`;

/** The message that the queue accepted under this id within the window. SQS answers a repeat with its ids. */
function recall(service: Service, queue: Queue, identity: Identity) {
  // A Map keeps insertion order, so the expired entries come first.
  for (const [key, { until }] of queue.remembered) {
    if (until > service.now()) break;
    queue.remembered.delete(key);
  }
  return queue.remembered.get(keyOf(queue, identity));
}

type Content = Pick<Message, 'messageId' | 'body' | 'attributes' | 'groupId' | 'deduplicationId'>;

/**
 * Appends a message that was sent or moved here, and remembers it. SQS never treats a move as a repeat, but a later send
 * is one.
 */
function accept(service: Service, queue: Queue, content: Content & Partial<StoredMessage>): Message {
  const now = service.now();
  const message = enqueue(service, queue, {
    sentAt: now,
    visibleAt: now,
    receivedAt: undefined,
    firstReceivedAt: undefined,
    receiveCount: 0,
    receivesHere: 0,
    receiptHandle: undefined,
    deadLetterSourceArn: undefined,
    ...content,
  });
  const { deduplicationId, messageId, sequenceNumber } = message;
  if (queue.fifo && deduplicationId !== undefined)
    queue.remembered.set(keyOf(queue, message), { messageId, sequenceNumber, until: now + WINDOW_MS });
  return message;
}

/** Checks a SendMessageBatch as a whole, then sends. A FIFO queue refuses all of it if one entry lacks a group or an id. */
export function sendBatch(service: Service, queue: Queue, input: sdk.SendMessageBatchRequest) {
  const { Entries: entries = [] } = input;
  const bytes = entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
  if (bytes > SIZE_LIMIT_BYTES)
    throw new SqsError(
      'BatchRequestTooLong',
      `Batch requests cannot be longer than ${SIZE_LIMIT_BYTES} bytes. You have sent ${bytes} bytes.`,
    );
  if (queue.fifo && entries.some(({ MessageGroupId }) => MessageGroupId === undefined))
    throw refused('The request must contain the parameter MessageGroupId.');
  if (queue.fifo) entries.forEach(checkIdentity);
  return batchOf(send)(service, queue, input);
}

type Batch<E> = { Entries: (E & { Id: string | undefined })[] | undefined };

/** An action for each entry of a batch, one by one. A refused entry does not stop the others. */
export const batchOf =
  <E, R extends object>(run: (service: Service, queue: Queue, entry: E) => R) =>
  (service: Service, queue: Queue, { Entries: entries = [] }: Batch<E>) => {
    if (entries.length === 0)
      throw new SqsError('EmptyBatchRequest', 'There should be at least one entry in the request.');
    if (entries.length > BATCH_LIMIT)
      throw new SqsError(
        'TooManyEntriesInBatchRequest',
        `Maximum number of entries per request are ${BATCH_LIMIT}. You have sent ${entries.length}.`,
      );
    if (new Set(entries.map(({ Id }) => Id)).size < entries.length)
      throw new SqsError('BatchEntryIdsNotDistinct', 'An id is repeated.');
    const Successful: (R & { Id: string })[] = [];
    const Failed: sdk.BatchResultErrorEntry[] = [];
    for (const entry of entries) {
      const Id = entry.Id ?? '';
      try {
        Successful.push({ ...run(service, queue, entry), Id });
      } catch (error) {
        if (!(error instanceof SqsError)) throw error;
        Failed.push({ Id, SenderFault: true, Code: error.code, Message: error.message });
      }
    }
    return { Successful, Failed: Failed.length > 0 ? Failed : undefined };
  };

/** Runs one ReceiveMessage. A message that was already received maxReceiveCount times goes to the DLQ instead. */
export function receive(service: Service, queue: Queue, input: sdk.ReceiveMessageRequest): sdk.ReceiveMessageResult {
  const { MaxNumberOfMessages: max = 1, VisibilityTimeout: seconds } = input;
  if (max < 1 || max > 10) throw invalidValue('MaxNumberOfMessages', max, 'Must be between 1 and 10, if provided.');
  if (seconds !== undefined) checkVisibility(seconds);
  const now = service.now();
  const { redrive } = queue.settings;
  const deadLetterQueue = redrive && findQueue(service, redrive.deadLetterTargetArn);
  const taken: Message[] = [];
  const exhausted: Message[] = [];
  for (const message of receivable(service, queue)) {
    if (taken.length === max) break;
    (deadLetterQueue && message.receivesHere >= redrive.maxReceiveCount ? exhausted : taken).push(message);
  }
  if (deadLetterQueue)
    for (const message of exhausted) deadLetter(service, { message, from: queue, to: deadLetterQueue });
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
  return taken.length > 0 ? { Messages: taken.map((message) => view(message, input)) } : {};
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

export function deleteByReceipt(service: Service, queue: Queue, input: Pick<Change, 'ReceiptHandle'>): object {
  const message = messageOf(service, queue, input.ReceiptHandle);
  if (message) {
    remove(queue, message);
    service.changed.add(queue);
  }
  return {};
}

function checkVisibility(seconds: number): void {
  if (seconds < 0 || seconds > MOST_VISIBILITY_SECONDS)
    throw invalidValue('VisibilityTimeout', seconds, `Must be >= 0 and <= ${MOST_VISIBILITY_SECONDS}, if provided.`);
}

type Change = Pick<sdk.ChangeMessageVisibilityBatchRequestEntry, 'ReceiptHandle' | 'VisibilityTimeout'>;

/** Makes a message invisible from now on, in one delivery at most twelve hours. 0: receivable at once. */
export function changeVisibility(service: Service, queue: Queue, input: Change): object {
  const { ReceiptHandle: handle, VisibilityTimeout: seconds = 0 } = input;
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
  service.changed.add(queue);
  return {};
}

function view(message: Message, input: sdk.ReceiveMessageRequest): sdk.Message {
  const system = {
    // The model has one principal, which sends every message.
    SenderId: 'AIDALOCALSENDER000000',
    SentTimestamp: String(message.sentAt),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
    SequenceNumber: message.sequenceNumber,
    MessageGroupId: message.groupId,
    MessageDeduplicationId: message.deduplicationId,
    DeadLetterQueueSourceArn: message.deadLetterSourceArn,
  };
  return {
    MessageId: message.messageId,
    ReceiptHandle: message.receiptHandle,
    Body: message.body,
    MD5OfBody: md5(message.body),
    Attributes: pick<string>(system, [...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])]),
    MessageAttributes: pick(message.attributes, input.MessageAttributeNames),
  };
}

function pick<T>(values: Record<string, T | undefined>, names: readonly string[] = []): Record<string, T> | undefined {
  const asked = Object.entries(values).filter(
    (entry): entry is [string, T] => entry[1] !== undefined && (names.includes('All') || names.includes(entry[0])),
  );
  return asked.length > 0 ? Object.fromEntries(asked) : undefined;
}

interface Move {
  message: Message;
  from: Queue;
  to: Queue;
}

/**
 * Moves a message to the DLQ as SQS does. The message keeps its id, group, attributes and reported receive count. In a
 * FIFO queue the message id becomes its deduplication id, and its time of sending and retention start again.
 */
function deadLetter(service: Service, { message, from, to }: Move): void {
  const { messageId, sentAt, receiveCount, firstReceivedAt } = message;
  const kept = { receiveCount, firstReceivedAt, deadLetterSourceArn: from.arn };
  const own = to.fifo ? { deduplicationId: messageId } : { sentAt };
  move(service, { message, from, to }, { ...kept, ...own });
}

export function move(service: Service, { message, from, to }: Move, changes: Partial<StoredMessage>): void {
  remove(from, message);
  const { messageId, body, attributes, groupId, deduplicationId } = message;
  accept(service, to, { messageId, body, attributes, groupId, deduplicationId, ...changes });
  service.changed.add(from);
}
