import type {
  ChangeMessageVisibilityBatchRequest,
  Message,
  SendMessageBatchRequest,
  SendMessageBatchResult,
  SendMessageRequest,
} from '@aws-sdk/client-sqs';
import type { BatchEntry, OutgoingMessage, ReceivedMessage } from '../ports';

const MAX_VISIBILITY_SECONDS = 43_200;

/** SQS takes whole seconds. This rounds up, because a message that comes back too early wastes a receive. */
export const wholeSeconds = (seconds: number): number =>
  Math.min(Math.max(Math.ceil(seconds), 0), MAX_VISIBILITY_SECONDS);

export function toSqs(
  queueUrl: string,
  { body, groupId, deduplicationId, attributes }: OutgoingMessage,
): SendMessageRequest {
  return {
    QueueUrl: queueUrl,
    MessageBody: body,
    ...(groupId === undefined ? {} : { MessageGroupId: groupId }),
    ...(deduplicationId === undefined ? {} : { MessageDeduplicationId: deduplicationId }),
    ...(attributes && {
      MessageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([name, value]) => [name, { DataType: 'String', StringValue: value }]),
      ),
    }),
  };
}

/** Our messages as a batch. The id of an entry is its place in the batch. */
export function toSqsBatch(queueUrl: string, messages: OutgoingMessage[]): SendMessageBatchRequest {
  const Entries = messages.map((message, index) => {
    const { QueueUrl: _url, ...entry } = toSqs(queueUrl, message);
    return { ...entry, Id: String(index) };
  });
  return { QueueUrl: queueUrl, Entries };
}

/** One visibility for many messages. The id of an entry is its place in the batch. */
export const visibilityBatch = (
  queueUrl: string,
  receiptHandles: readonly string[],
  seconds: number,
): ChangeMessageVisibilityBatchRequest => ({
  QueueUrl: queueUrl,
  Entries: receiptHandles.map((ReceiptHandle, index) => ({
    Id: String(index),
    ReceiptHandle,
    VisibilityTimeout: wholeSeconds(seconds),
  })),
});

/** The outcome of each message of a batch. A message that the answer does not mention counts as not sent. */
export function entriesOf(result: Partial<SendMessageBatchResult>, count: number): BatchEntry[] {
  const sent = new Map(result.Successful?.map((entry) => [entry.Id, entry]));
  const failed = new Map(result.Failed?.map((entry) => [entry.Id, entry]));
  return Array.from({ length: count }, (_, index): BatchEntry => {
    const { MessageId, SequenceNumber } = sent.get(String(index)) ?? {};
    const { Code = 'NoAnswer' } = failed.get(String(index)) ?? {};
    return MessageId === undefined
      ? { sent: false, code: `SQS.${Code}` }
      : { sent: true, messageId: MessageId, ...(SequenceNumber ? { sequenceNumber: SequenceNumber } : {}) };
  });
}

export function fromSqs(message: Message): ReceivedMessage {
  const { Attributes: system = {}, MessageAttributes: own = {} } = message;
  return {
    messageId: message.MessageId ?? '',
    receiptHandle: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    ...(system.MessageGroupId ? { groupId: system.MessageGroupId } : {}),
    ...(system.SequenceNumber ? { sequenceNumber: system.SequenceNumber } : {}),
    receiveCount: Number(system.ApproximateReceiveCount ?? 1),
    sentAt: Number(system.SentTimestamp ?? 0),
    movedBySqs: system.DeadLetterQueueSourceArn !== undefined,
    attributes: Object.fromEntries(
      Object.entries(own).flatMap(([name, { StringValue }]) =>
        StringValue === undefined ? [] : [[name, StringValue] as const],
      ),
    ),
  };
}
