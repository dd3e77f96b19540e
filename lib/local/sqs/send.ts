import type { SendMessageRequest, SendMessageResult } from '@aws-sdk/client-sqs';
import { deduplicationIdOf, type Identity, recall, remember } from './deduplication';
import { invalidValue, missingParameter, SqsError } from './errors';
import { attributesMd5, bodyMd5, checkAttributesOf, checkBody, checkSize, checkToken, sizeOf } from './message';
import type { Queue } from './queue';
import { enqueue, type Service } from './service';

export type Outgoing = Omit<SendMessageRequest, 'QueueUrl'>;

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
  const { messageId, sequenceNumber } = enqueue(service, queue, {
    messageId: service.uuid(),
    body,
    bodyMd5: digests.MD5OfMessageBody,
    attributes,
    traceHeader: input.MessageSystemAttributes?.AWSTraceHeader?.StringValue,
    groupId: input.MessageGroupId,
    deduplicationId: identity?.deduplicationId,
    sentAt: now,
    visibleAt: now + delayMs,
    receivedAt: undefined,
    firstReceivedAt: undefined,
    receiveCount: 0,
    receivesHere: 0,
    receiptHandle: undefined,
    deadLetterSourceArn: undefined,
  });
  if (identity && sequenceNumber) remember(queue, { ...identity, messageId, sequenceNumber, now });
  return { ...digests, MessageId: messageId, SequenceNumber: sequenceNumber };
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

function checkStandard({ MessageGroupId, MessageDeduplicationId, DelaySeconds = 0 }: Outgoing) {
  if (MessageDeduplicationId !== undefined)
    throw invalidValue(
      'MessageDeduplicationId',
      MessageDeduplicationId,
      'The request includes a parameter that is not valid for this queue type.',
    );
  if (DelaySeconds < 0 || DelaySeconds > 900)
    throw new SqsError(
      'InvalidParameterValue',
      `Value ${DelaySeconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.`,
    );
  if (MessageGroupId !== undefined) checkToken('MessageGroupId', MessageGroupId);
}
