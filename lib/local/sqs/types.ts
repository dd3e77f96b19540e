import type {
  CancelMessageMoveTaskRequest,
  CancelMessageMoveTaskResult,
  ChangeMessageVisibilityBatchRequest,
  ChangeMessageVisibilityBatchResult,
  ChangeMessageVisibilityRequest,
  CreateQueueRequest,
  CreateQueueResult,
  DeleteMessageBatchRequest,
  DeleteMessageBatchResult,
  DeleteMessageRequest,
  DeleteQueueRequest,
  GetQueueAttributesRequest,
  GetQueueAttributesResult,
  GetQueueUrlRequest,
  GetQueueUrlResult,
  ListMessageMoveTasksRequest,
  ListMessageMoveTasksResult,
  ListQueuesRequest,
  ListQueuesResult,
  MessageAttributeValue,
  PurgeQueueRequest,
  ReceiveMessageRequest,
  ReceiveMessageResult,
  SendMessageBatchRequest,
  SendMessageBatchResult,
  SendMessageRequest,
  SendMessageResult,
  SetQueueAttributesRequest,
  StartMessageMoveTaskRequest,
  StartMessageMoveTaskResult,
} from '@aws-sdk/client-sqs';

export interface SqsModelOptions {
  /** Milliseconds since 1970; may stand still, never goes back. */
  now: () => number;
  uuid: () => string;
  region: string;
  account: string;
  /** Messages in flight at most, and how far SQS looks for free groups; as on AWS, 120,000, unless a test needs less. */
  inFlightLimit?: number;
}

/** What makes two messages different to SQS, and what a delivery changes. Times in milliseconds since 1970. */
export interface StoredMessage {
  /** Kept by SQS's own move to a DLQ, new after a message move task. */
  messageId: string;
  body: string;
  bodyMd5: string;
  attributes: Record<string, MessageAttributeValue>;
  traceHeader: string | undefined;
  groupId: string | undefined;
  deduplicationId: string | undefined;
  sequenceNumber: string | undefined;
  /** When it entered the queue; kept by the move to a standard DLQ, restarted by the move to a FIFO one. */
  sentAt: number;
  /** Not receivable before this. */
  visibleAt: number;
  /** Of the delivery that counts; `undefined` before the first and after a move. */
  receivedAt: number | undefined;
  firstReceivedAt: number | undefined;
  /** Deliveries as SQS reports them: a move to a DLQ keeps the count. */
  receiveCount: number;
  /** Deliveries out of this queue: what maxReceiveCount is compared with. */
  receivesHere: number;
  receiptHandle: string | undefined;
  /** The queue that SQS moved it from. Absent on what was sent here. */
  deadLetterSourceArn: string | undefined;
}

/**
 * SQS without a network: a synchronous, deterministic state machine on the given clock. The methods are the API's
 * actions with the SDK's shapes and throw SqsError. A queue is named by the last part of its URL, so any endpoint will
 * do. `WaitTimeSeconds` is ignored: who wants to wait listens with `onChange` and looks again at `nextChangeAt`.
 *
 * Not modelled: throttling, policies, encryption, ReceiveRequestAttemptId, and that AWS may take a while.
 */
export interface SqsModel {
  readonly region: string;
  readonly account: string;
  createQueue(input: CreateQueueRequest): CreateQueueResult;
  getQueueUrl(input: GetQueueUrlRequest): GetQueueUrlResult;
  listQueues(input: ListQueuesRequest): ListQueuesResult;
  deleteQueue(input: DeleteQueueRequest): void;
  purgeQueue(input: PurgeQueueRequest): void;
  setQueueAttributes(input: SetQueueAttributesRequest): void;
  getQueueAttributes(input: GetQueueAttributesRequest): GetQueueAttributesResult;
  sendMessage(input: SendMessageRequest): SendMessageResult;
  sendMessageBatch(input: SendMessageBatchRequest): SendMessageBatchResult;
  receiveMessage(input: ReceiveMessageRequest): ReceiveMessageResult;
  deleteMessage(input: DeleteMessageRequest): void;
  deleteMessageBatch(input: DeleteMessageBatchRequest): DeleteMessageBatchResult;
  changeMessageVisibility(input: ChangeMessageVisibilityRequest): void;
  changeMessageVisibilityBatch(input: ChangeMessageVisibilityBatchRequest): ChangeMessageVisibilityBatchResult;
  startMessageMoveTask(input: StartMessageMoveTaskRequest): StartMessageMoveTaskResult;
  listMessageMoveTasks(input: ListMessageMoveTasksRequest): ListMessageMoveTasksResult;
  cancelMessageMoveTask(input: CancelMessageMoveTaskRequest): CancelMessageMoveTaskResult;

  /**
   * The earliest time after now at which a message of the queue (name, URL or ARN) can become receivable or expire by
   * the clock alone; `undefined` if only a call can change anything.
   */
  nextChangeAt(queue: string): number | undefined;
  /** Calls the listener, synchronously, after every call that changed what can be received. Returns how to stop it. */
  onChange(queue: string, listener: () => void): () => void;
  /** What lies in the queue now, in order, for tests to look at: copies. */
  messages(queue: string): StoredMessage[];
}
