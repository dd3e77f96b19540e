import type * as sdk from '@aws-sdk/client-sqs';
import { batchOf, changeVisibility, deleteByReceipt, receive, send, sendBatch } from './messages';
import { advanceTasks, cancelMoveTask, listMoveTasks, nextMoveOf, startMoveTask } from './move-tasks';
import {
  createQueue,
  earliestExpiry,
  enqueue,
  findQueue,
  getQueue,
  notify,
  purge,
  type Queue,
  queueAttributes,
  type Service,
  type SqsModelOptions,
  type StoredMessage,
  setQueueAttributes,
  sourcesOf,
  urlsOf,
} from './queue';

/**
 * SQS without a network: a synchronous, deterministic state machine on the given clock. The methods are the API's
 * actions with the SDK's shapes, and they throw SqsError. The last part of a URL names the queue, so any endpoint
 * works. `WaitTimeSeconds` is ignored: to wait, a caller listens with `onChange` and receives again at `nextChangeAt`.
 *
 * A message move task moves as time passes: each call first does what is due. Not modelled: what this service does not use, such as deduplication
 * by content, delays, digests of attributes and policies. Nor are throttling, delays inside AWS, and
 * the limit of 120,000 messages in flight.
 */
export type SqsModel = ReturnType<typeof createSqsModel>;

export function createSqsModel(options: SqsModelOptions) {
  const service: Service = { ...options, queues: new Map(), accepted: 0, changed: new Set(), tasks: [] };

  /** The listeners run last, when the state is final. */
  const call =
    <I, O>(action: (input: I) => O) =>
    (input: I): O => {
      try {
        advanceTasks(service);
        return action(input);
      } finally {
        notify(service);
      }
    };

  const ofService = <I, O>(action: (service: Service, input: I) => O) => call((input: I) => action(service, input));
  const ofQueue = <I, O>(action: (service: Service, queue: Queue, input: I) => O) =>
    call((input: I & { QueueUrl: string | undefined }) => action(service, getQueue(service, input.QueueUrl), input));

  const actions = {
    createQueue: ofService(createQueue),
    getQueueUrl: call(({ QueueName }: sdk.GetQueueUrlRequest) => ({ QueueUrl: getQueue(service, QueueName).url })),
    setQueueAttributes: ofQueue(setQueueAttributes),
    getQueueAttributes: ofQueue(queueAttributes),
    sendMessage: ofQueue(send),
    sendMessageBatch: ofQueue(sendBatch),
    receiveMessage: ofQueue(receive),
    deleteMessage: ofQueue(deleteByReceipt),
    deleteMessageBatch: ofQueue(batchOf(deleteByReceipt)),
    changeMessageVisibility: ofQueue(changeVisibility),
    changeMessageVisibilityBatch: ofQueue(batchOf(changeVisibility)),
    startMessageMoveTask: ofService(startMoveTask),
    listMessageMoveTasks: ofService(listMoveTasks),
    cancelMessageMoveTask: ofService(cancelMoveTask),
    purgeQueue: ofQueue(purge),
    listQueues: call((input: sdk.ListQueuesRequest): sdk.ListQueuesResult => {
      const { QueueNamePrefix: prefix = '' } = input;
      const queues = [...service.queues.values()].filter(({ name }) => name.startsWith(prefix));
      const { urls, ...more } = urlsOf(queues, input);
      return { ...(urls.length > 0 && { QueueUrls: urls }), ...more };
    }),
    listDeadLetterSourceQueues: ofQueue((_service, queue, input: sdk.ListDeadLetterSourceQueuesRequest) => {
      const { urls, ...more } = urlsOf(sourcesOf(service, queue), input);
      return { queueUrls: urls, ...more };
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
      let earliest = Math.min(earliestExpiry(queue), nextMoveOf(service));
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
