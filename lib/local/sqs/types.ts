import type * as sdk from '@aws-sdk/client-sqs';

export interface SqsModelOptions {
  /** Milliseconds since 1970. It may stand still but never goes back. */
  now: () => number;
  uuid: () => string;
  region: string;
  account: string;
  /** The most messages in flight, and how far SQS looks for free groups. The default is 120,000, as on AWS. */
  inFlightLimit?: number;
  /**
   * Which group a FIFO queue hands out first. `turns`, the default, is what AWS was seen to do: a group that waited goes
   * before one that was just received or made visible again. `age`: the group with the oldest message. AWS promises
   * neither.
   */
  groupOrder?: 'turns' | 'age';
}

/** A message as SQS keeps it. Times are in milliseconds since 1970. */
export interface StoredMessage {
  /** The move to a DLQ keeps it. A message move task replaces it. */
  messageId: string;
  body: string;
  attributes: Record<string, sdk.MessageAttributeValue>;
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

/**
 * SQS without a network: a synchronous, deterministic state machine on the given clock. The methods are the API's
 * actions with the SDK's shapes, and they throw SqsError. The last part of a URL names the queue, so any endpoint
 * works. `WaitTimeSeconds` is ignored: to wait, a caller listens with `onChange` and receives again at `nextChangeAt`.
 *
 * A message move task is over when its call returns. Not modelled: what this service does not use, such as deduplication
 * by content, delays of a whole queue, digests of attributes and policies. Neither are throttling and delays inside AWS.
 */
export interface SqsModel {
  readonly region: string;
  readonly account: string;
  createQueue(input: sdk.CreateQueueRequest): sdk.CreateQueueResult;
  getQueueUrl(input: sdk.GetQueueUrlRequest): sdk.GetQueueUrlResult;
  setQueueAttributes(input: sdk.SetQueueAttributesRequest): void;
  getQueueAttributes(input: sdk.GetQueueAttributesRequest): sdk.GetQueueAttributesResult;
  sendMessage(input: sdk.SendMessageRequest): sdk.SendMessageResult;
  sendMessageBatch(input: sdk.SendMessageBatchRequest): sdk.SendMessageBatchResult;
  receiveMessage(input: sdk.ReceiveMessageRequest): sdk.ReceiveMessageResult;
  deleteMessage(input: sdk.DeleteMessageRequest): void;
  changeMessageVisibility(input: sdk.ChangeMessageVisibilityRequest): void;
  changeMessageVisibilityBatch(input: sdk.ChangeMessageVisibilityBatchRequest): sdk.ChangeMessageVisibilityBatchResult;
  startMessageMoveTask(input: sdk.StartMessageMoveTaskRequest): sdk.StartMessageMoveTaskResult;

  /**
   * The earliest time at which a message of the queue can become receivable or expire without another call. `undefined`
   * if only a call can change the queue. The queue is given by name, URL or ARN.
   */
  nextChangeAt(queue: string): number | undefined;
  /**
   * Calls the listener synchronously after every call that changed the receivable messages. Returns a function that
   * stops it.
   */
  onChange(queue: string, listener: () => void): () => void;
  /** Delivers a deleted message once more, under its id. SQS promises at least one delivery, not exactly one. */
  redeliver(queue: string, message: StoredMessage): void;
  /** Copies of the queue's messages in order, for tests. */
  messages(queue: string): StoredMessage[];
}
