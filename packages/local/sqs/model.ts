import type * as sdk from '@aws-sdk/client-sqs';
import { changeVisibility, checkSendEntries, deleteByReceipt, moveMessages, receive, runBatch, send } from './messages';
import {
  createQueue,
  earliestExpiry,
  enqueue,
  findQueue,
  getQueue,
  notify,
  queueAttributes,
  type Service,
  type SqsModelOptions,
  type StoredMessage,
  setQueueAttributes,
} from './queue';

/**
 * SQS without a network: a synchronous, deterministic state machine on the given clock. The methods are the API's
 * actions with the SDK's shapes, and they throw SqsError. The last part of a URL names the queue, so any endpoint
 * works. `WaitTimeSeconds` is ignored: to wait, a caller listens with `onChange` and receives again at `nextChangeAt`.
 *
 * A message move task ends when its call returns. Not modelled: what this service does not use, such as deduplication
 * by content, delays, digests of attributes and policies. Nor are throttling, delays inside AWS, and
 * the limit of 120,000 messages in flight.
 */
export type SqsModel = ReturnType<typeof createSqsModel>;

export function createSqsModel(options: SqsModelOptions) {
  const service: Service = { ...options, queues: new Map(), accepted: 0, changed: new Set() };
  const queueOf = (input: { QueueUrl: string | undefined }) => getQueue(service, input.QueueUrl);

  /** The listeners run last, when the state is final. */
  const call =
    <I, O>(action: (input: I) => O) =>
    (input: I): O => {
      try {
        return action(input);
      } finally {
        notify(service);
      }
    };

  const actions = {
    createQueue: call(({ QueueName = '', Attributes = {} }: sdk.CreateQueueRequest) => ({
      QueueUrl: createQueue(service, QueueName, Attributes as Record<string, string>).url,
    })),
    getQueueUrl: call(({ QueueName }: sdk.GetQueueUrlRequest) => ({
      QueueUrl: getQueue(service, QueueName).url,
    })),
    setQueueAttributes: call((input: sdk.SetQueueAttributesRequest) =>
      setQueueAttributes(service, queueOf(input), (input.Attributes ?? {}) as Record<string, string>),
    ),
    getQueueAttributes: call((input: sdk.GetQueueAttributesRequest) => ({
      Attributes: queueAttributes(service, queueOf(input), input.AttributeNames),
    })),
    sendMessage: call((input: sdk.SendMessageRequest) => send(service, queueOf(input), input)),
    sendMessageBatch: call((input: sdk.SendMessageBatchRequest): sdk.SendMessageBatchResult => {
      const queue = queueOf(input);
      checkSendEntries(queue, input.Entries ?? []);
      return runBatch(input.Entries ?? [], (entry) => send(service, queue, entry));
    }),
    receiveMessage: call((input: sdk.ReceiveMessageRequest): sdk.ReceiveMessageResult => {
      const messages = receive(service, queueOf(input), input);
      return messages.length > 0 ? { Messages: messages } : {};
    }),
    deleteMessage: call((input: sdk.DeleteMessageRequest) =>
      deleteByReceipt(service, queueOf(input), input.ReceiptHandle),
    ),
    changeMessageVisibility: call((input: sdk.ChangeMessageVisibilityRequest) =>
      changeVisibility(service, queueOf(input), input),
    ),
    changeMessageVisibilityBatch: call((input: sdk.ChangeMessageVisibilityBatchRequest) => {
      const queue = queueOf(input);
      return runBatch(input.Entries ?? [], (entry) => changeVisibility(service, queue, entry));
    }),
    startMessageMoveTask: call((input: sdk.StartMessageMoveTaskRequest) => {
      moveMessages(service, input);
      return { TaskHandle: service.uuid() };
    }),
  };

  return {
    ...actions,
    actions,
    /** The earliest time at which a message can become receivable or expire without another call. */
    nextChangeAt: call((reference: string): number | undefined => {
      const queue = findQueue(service, reference);
      if (!queue) return undefined;
      const now = service.now();
      let earliest = earliestExpiry(queue);
      // Only the first invisible message of a group counts, because the others wait behind it.
      for (const { messages } of queue.groups.values())
        earliest = Math.min(earliest, messages.find(({ visibleAt }) => visibleAt > now)?.visibleAt ?? Infinity);
      return earliest === Infinity ? undefined : earliest;
    }),
    /** Calls the listener synchronously after every call that changed the receivable messages, until it is stopped. */
    onChange(reference: string, listener: () => void): () => void {
      const { listeners } = getQueue(service, reference);
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    /** Delivers a deleted message once more, under its id. SQS promises at least one delivery, not exactly one. */
    redeliver(reference: string, message: StoredMessage): void {
      const fresh = { visibleAt: service.now(), receivedAt: undefined, receivesHere: 0, receiptHandle: undefined };
      enqueue(service, getQueue(service, reference), { ...message, ...fresh });
      notify(service);
    },
    /** Copies of the queue's messages in order, for tests. */
    messages: call((reference: string): StoredMessage[] =>
      [...getQueue(service, reference).byId.values()].map(({ group: _group, ...message }) => message),
    ),
  };
}
