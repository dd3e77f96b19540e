import type { MessageAttributeValue } from '@aws-sdk/client-sqs';

export interface SqsModelOptions {
  /** Milliseconds since 1970. It may stand still but never goes back. */
  now: () => number;
  uuid: () => string;
  region: string;
  account: string;
  /** The most messages in flight, and how far SQS looks for free groups. The default is 120,000, as on AWS. */
  inFlightLimit?: number;
  /**
   * Which group a FIFO queue hands out first. `turns`, the default, is what AWS was seen to do: a group that waited
   * goes before one that was just received or made visible again. `age`: the group with the oldest message. AWS
   * promises neither.
   */
  groupOrder?: 'turns' | 'age';
}

/** A message as SQS keeps it. Times are in milliseconds since 1970. */
export interface StoredMessage {
  /** The move to a DLQ keeps it. A message move task replaces it. */
  messageId: string;
  body: string;
  attributes: Record<string, MessageAttributeValue>;
  groupId: string | undefined;
  deduplicationId: string | undefined;
  sequenceNumber: string | undefined;
  /** When it entered the queue. The move to a standard DLQ keeps it, the move to a FIFO DLQ sets it anew. */
  sentAt: number;
  /** The message is not receivable before this time. */
  visibleAt: number;
  /** When the latest delivery began; `undefined` before the first one and after a move. */
  receivedAt: number | undefined;
  firstReceivedAt: number | undefined;
  /** Deliveries as SQS reports them. A move to a DLQ keeps the count. */
  receiveCount: number;
  /** Deliveries from this queue. SQS compares maxReceiveCount with it. */
  receivesHere: number;
  receiptHandle: string | undefined;
  /** The queue from which SQS moved it; `undefined` if a client sent it here. */
  deadLetterSourceArn: string | undefined;
}
