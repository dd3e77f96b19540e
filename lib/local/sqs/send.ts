import { hash } from 'node:crypto';
import type { SendMessageRequest, SendMessageResult } from '@aws-sdk/client-sqs';
import { invalidValue, missingParameter, SqsError } from './errors';
import { attributesMd5, bodyMd5, checkAttributesOf, checkBody, checkSize, checkToken, sizeOf } from './message';
import { enqueue, type Message, type Queue, type Remembered, type Service, UNRECEIVED } from './queue';

export type Outgoing = Omit<SendMessageRequest, 'QueueUrl'>;

interface Identity {
  groupId: string;
  deduplicationId: string;
}

/** A FIFO queue remembers a deduplication id for five minutes after the first send, even if the message is deleted. */
const WINDOW_MS = 5 * 60_000;

/** Accepts a message. It answers a repeat with the ids of the first message and stores nothing. */
export function send(service: Service, queue: Queue, input: Outgoing): SendMessageResult {
  const body = checkBody(input.MessageBody);
  const attributes = input.MessageAttributes ?? {};
  checkAttributesOf(attributes);
  checkSize(sizeOf(body, attributes), queue.settings.maximumBytes);
  const identity = queue.fifo ? fifoIdentity(queue, input, body) : undefined;
  if (!queue.fifo) checkStandard(input);

  const now = service.now();
  const digests = {
    MD5OfMessageBody: bodyMd5(body),
    MD5OfMessageAttributes: attributesMd5(attributes),
    MD5OfMessageSystemAttributes: attributesMd5(input.MessageSystemAttributes ?? {}),
  };
  const known = identity && recall(queue, identity, now);
  if (known) return { ...digests, MessageId: known.messageId, SequenceNumber: known.sequenceNumber };

  const delayMs = input.DelaySeconds === undefined || queue.fifo ? queue.settings.delayMs : input.DelaySeconds * 1000;
  const message = enqueue(service, queue, {
    ...UNRECEIVED,
    messageId: service.uuid(),
    body,
    bodyMd5: digests.MD5OfMessageBody,
    attributes,
    traceHeader: input.MessageSystemAttributes?.AWSTraceHeader?.StringValue,
    groupId: input.MessageGroupId,
    deduplicationId: identity?.deduplicationId,
    sentAt: now,
    visibleAt: now + delayMs,
  });
  remember(queue, message, now);
  return { ...digests, MessageId: message.messageId, SequenceNumber: message.sequenceNumber };
}

function fifoIdentity(queue: Queue, input: Outgoing, body: string): Identity {
  const groupId = input.MessageGroupId;
  if (groupId === undefined) throw missingParameter('MessageGroupId');
  checkToken('MessageGroupId', groupId);
  const deduplicationId = deduplicationIdOf(queue, input.MessageDeduplicationId, body);
  checkToken('MessageDeduplicationId', deduplicationId);
  if (input.DelaySeconds)
    throw invalidValue(
      'DelaySeconds',
      input.DelaySeconds,
      'The request include parameter that is not valid for this queue type.',
    );
  return { groupId, deduplicationId };
}

/** The given id, or the hash of the body if the queue allows that. Attributes do not count. */
export function deduplicationIdOf(queue: Queue, given: string | undefined, body: string): string {
  if (given !== undefined) return given;
  if (queue.settings.contentBasedDeduplication) return hash('sha256', body);
  throw new SqsError(
    'InvalidParameterValue',
    'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
  );
}

function checkStandard({ MessageGroupId, MessageDeduplicationId, DelaySeconds = 0 }: Outgoing) {
  if (MessageDeduplicationId !== undefined)
    throw invalidValue(
      'MessageDeduplicationId',
      MessageDeduplicationId,
      'The request includes a parameter that is not valid for this queue type.',
    );
  if (DelaySeconds < 0 || DelaySeconds > 900)
    throw invalidValue('DelaySeconds', DelaySeconds, 'DelaySeconds must be >= 0 and <= 900.');
  if (MessageGroupId !== undefined) checkToken('MessageGroupId', MessageGroupId);
}

const keyOf = (queue: Queue, { groupId, deduplicationId }: Identity): string =>
  queue.settings.deduplicationScope === 'messageGroup' ? `${groupId} ${deduplicationId}` : deduplicationId;

/** The message that the queue accepted under this id within the window. SQS answers a repeat with its ids. */
function recall(queue: Queue, identity: Identity, now: number): Remembered | undefined {
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
