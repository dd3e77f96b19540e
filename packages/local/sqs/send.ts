import { hash } from 'node:crypto';
import type {
  BatchResultErrorEntry,
  SendMessageBatchRequestEntry,
  SendMessageBatchResultEntry,
  SendMessageRequest,
} from '@aws-sdk/client-sqs';
import { enqueue, invalidValue, type Message, type Queue, type Service, SqsError, UNRECEIVED } from './queue';

type Outgoing = Omit<SendMessageRequest, 'QueueUrl'>;

interface Identity {
  groupId: string;
  deduplicationId: string;
}

/** A FIFO queue remembers a deduplication id for five minutes after the first send, even if the message is deleted. */
const WINDOW_MS = 5 * 60_000;
const BATCH_LIMIT = 10;
const ATTRIBUTE_LIMIT = 10;
/** Of a message, and of all messages of a batch. */
const SIZE_LIMIT_BYTES = 1_048_576;
/** Characters that XML 1.0 does not allow, lone surrogates included. */
const FORBIDDEN = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

export const md5 = (body: string): string => hash('md5', body);

const refused = (message: string): SqsError => new SqsError('InvalidParameterValue', message);

/** Accepts a message. It answers a repeat with the ids of the first message and stores nothing. */
export function send(service: Service, queue: Queue, input: Outgoing): Omit<SendMessageBatchResultEntry, 'Id'> {
  const { MessageBody: body, MessageAttributes: attributes = {}, MessageGroupId: groupId } = input;
  checkContent(input);
  const identity = queue.fifo ? fifoIdentity(input) : undefined;
  const [name, value] = queue.fifo
    ? ['DelaySeconds', input.DelaySeconds || undefined]
    : ['MessageDeduplicationId', input.MessageDeduplicationId];
  if (value !== undefined)
    throw invalidValue(name, value, 'The request include parameter that is not valid for this queue type.');
  if (groupId !== undefined) checkToken('MessageGroupId', groupId);
  if (identity) checkToken('MessageDeduplicationId', identity.deduplicationId);
  const now = service.now();
  const MD5OfMessageBody = md5(body ?? '');
  const known = identity && recall(queue, identity, now);
  if (known) return { MD5OfMessageBody, MessageId: known.messageId, SequenceNumber: known.sequenceNumber };

  const message = enqueue(service, queue, {
    ...UNRECEIVED,
    messageId: service.uuid(),
    body: body ?? '',
    attributes,
    groupId,
    deduplicationId: identity?.deduplicationId,
    sentAt: now,
    visibleAt: now + (input.DelaySeconds ?? 0) * 1000,
  });
  remember(queue, message, now);
  return { MD5OfMessageBody, MessageId: message.messageId, SequenceNumber: message.sequenceNumber };
}

/** Bytes that count against the limit: the body, and the name, type and value of each attribute. */
const sizeOf = ({ MessageBody: body = '', MessageAttributes: attributes = {} }: Outgoing): number =>
  Object.entries(attributes).reduce(
    (bytes, [name, { DataType = '', StringValue = '' }]) => bytes + Buffer.byteLength(name + DataType + StringValue),
    Buffer.byteLength(body),
  );

function checkContent(input: Outgoing): void {
  const { MessageBody: body, MessageAttributes: attributes = {} } = input;
  if (!body) throw new SqsError('MissingParameter', 'The request must contain the parameter MessageBody.');
  if (FORBIDDEN.test(body)) throw new SqsError('InvalidMessageContents', 'The body has a character that XML forbids.');
  const count = Object.keys(attributes).length;
  if (count > ATTRIBUTE_LIMIT)
    throw refused(`Number of message attributes [${count}] exceeds the allowed maximum [${ATTRIBUTE_LIMIT}].`);
  for (const [name, { DataType: type, StringValue = '' }] of Object.entries(attributes))
    if (type === 'String' && (StringValue === '' || FORBIDDEN.test(StringValue)))
      throw refused(`Message (user) attribute '${name}' must contain a non-empty value of type '${type}'.`);
  const tooLong = `One or more parameters are invalid. Reason: Message must be shorter than ${SIZE_LIMIT_BYTES} bytes.`;
  if (sizeOf(input) > SIZE_LIMIT_BYTES) throw refused(tooLong);
}

function fifoIdentity({ MessageGroupId: groupId, MessageDeduplicationId: deduplicationId }: Outgoing): Identity {
  if (groupId === undefined)
    throw new SqsError('MissingParameter', 'The request must contain the parameter MessageGroupId.');
  if (deduplicationId === undefined)
    throw refused(
      'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    );
  return { groupId, deduplicationId };
}

function checkToken(parameter: string, value: string): void {
  if (!/^[!-~]{1,128}$/.test(value))
    throw invalidValue(parameter, value, 'It can only include alphanumeric and punctuation characters, 1 to 128.');
}

const keyOf = (queue: Queue, { groupId, deduplicationId }: Identity): string =>
  queue.settings.deduplicatesInGroup ? `${groupId} ${deduplicationId}` : deduplicationId;

/** The message that the queue accepted under this id within the window. SQS answers a repeat with its ids. */
function recall(queue: Queue, identity: Identity, now: number) {
  // A Map keeps insertion order, so the expired entries come first.
  for (const [key, { until }] of queue.remembered) {
    if (until > now) break;
    queue.remembered.delete(key);
  }
  return queue.remembered.get(keyOf(queue, identity));
}

/** Remembers a message that was sent or moved here. SQS never treats a move as a repeat, but a later send is one. */
export function remember(queue: Queue, message: Message, now: number): void {
  const { groupId, deduplicationId, messageId, sequenceNumber } = message;
  if (groupId === undefined || deduplicationId === undefined || sequenceNumber === undefined) return;
  const key = keyOf(queue, { groupId, deduplicationId });
  queue.remembered.set(key, { messageId, sequenceNumber, until: now + WINDOW_MS });
}

/** Checks a SendMessageBatch as a whole. A FIFO queue refuses all of it if one entry lacks a group or an id. */
export function checkSendEntries(queue: Queue, entries: SendMessageBatchRequestEntry[]): void {
  const bytes = entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
  if (bytes > SIZE_LIMIT_BYTES)
    throw new SqsError(
      'BatchRequestTooLong',
      `Batch requests cannot be longer than ${SIZE_LIMIT_BYTES} bytes. You have sent ${bytes} bytes.`,
    );
  if (!queue.fifo) return;
  if (entries.some(({ MessageGroupId }) => MessageGroupId === undefined))
    throw refused('The request must contain the parameter MessageGroupId.');
  for (const entry of entries) fifoIdentity(entry);
}

/** Runs the entries one by one. A refused entry does not stop the others. */
export function runBatch<E extends { Id: string | undefined }, R extends object>(
  entries: E[],
  run: (entry: E) => R,
): { Successful: (R & { Id: string })[]; Failed: BatchResultErrorEntry[] | undefined } {
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
  const Failed: BatchResultErrorEntry[] = [];
  for (const entry of entries) {
    const Id = entry.Id ?? '';
    try {
      Successful.push({ ...run(entry), Id });
    } catch (error) {
      if (!(error instanceof SqsError)) throw error;
      Failed.push({ Id, SenderFault: true, Code: error.code, Message: error.message });
    }
  }
  // AWS leaves out an empty list.
  return { Successful, Failed: Failed.length > 0 ? Failed : undefined };
}
