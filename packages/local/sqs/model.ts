import type * as sdk from '@aws-sdk/client-sqs';
import * as messages from './messages';
import * as moveTasks from './move-tasks';
import type { Queue, Service, SqsModelOptions, StoredMessage } from './queue';
import * as queues from './queue';

/**
 * SQS without a network: a synchronous, deterministic state machine on the given clock. The methods are the API's
 * actions with the SDK's shapes, and they throw SqsError. The last part of a URL names the queue, so any endpoint
 * works. `WaitTimeSeconds` is ignored: to wait, a caller listens with `onChange` and receives again at `nextChangeAt`.
 *
 * A message move task moves as time passes: each call first does what is due. Not modelled: what this service does not
 * use, such as deduplication by content, delays, digests of attributes and policies. Nor are throttling, delays inside
 * AWS, and the limit of 120,000 messages in flight.
 */
export type SqsModel = ReturnType<typeof createSqsModel>;

export function createSqsModel(options: SqsModelOptions) {
  const service: Service = { ...options, queues: new Map(), accepted: 0, changed: new Set(), tasks: [] };

  const call =
    <I, O>(action: (input: I) => O) =>
    (input: I): O =>
      upToDate(service, () => action(input));
  const ofService = <I, O>(action: (service: Service, input: I) => O) => call((input: I) => action(service, input));
  const ofQueue = <I, O>(action: (service: Service, queue: Queue, input: I) => O) =>
    call((input: I & { QueueUrl: string | undefined }) =>
      action(service, queues.getQueue(service, input.QueueUrl), input),
    );

  const actions = {
    createQueue: ofService(queues.createQueue),
    getQueueUrl: call(({ QueueName }: sdk.GetQueueUrlRequest) => ({
      QueueUrl: queues.getQueue(service, QueueName).url,
    })),
    setQueueAttributes: ofQueue(queues.setQueueAttributes),
    getQueueAttributes: ofQueue(queues.queueAttributes),
    sendMessage: ofQueue(messages.send),
    sendMessageBatch: ofQueue(messages.sendBatch),
    receiveMessage: ofQueue(messages.receive),
    deleteMessage: ofQueue(messages.deleteByReceipt),
    deleteMessageBatch: ofQueue(messages.batchOf(messages.deleteByReceipt)),
    changeMessageVisibility: ofQueue(messages.changeVisibility),
    changeMessageVisibilityBatch: ofQueue(messages.batchOf(messages.changeVisibility)),
    startMessageMoveTask: ofService(moveTasks.startMoveTask),
    listMessageMoveTasks: ofService(moveTasks.listMoveTasks),
    cancelMessageMoveTask: ofService(moveTasks.cancelMoveTask),
    purgeQueue: ofQueue(queues.purge),
    listQueues: ofService(queues.listQueues),
    listDeadLetterSourceQueues: ofQueue(queues.listSources),
  };

  return {
    ...actions,
    actions,
    /** The earliest time at which a message can become receivable or expire without another call. */
    nextChangeAt: call((reference: string) => nextChangeAt(service, queues.findQueue(service, reference))),
    /** Calls the listener synchronously after every call that changed the receivable messages, until it is stopped. */
    onChange(reference: string, listener: () => void): () => void {
      const { listeners } = queues.getQueue(service, reference);
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    /** Delivers a deleted message once more, under its id. SQS promises at least one delivery, not exactly one. */
    redeliver(reference: string, message: StoredMessage): void {
      const fresh = { visibleAt: service.now(), receivedAt: undefined, receivesHere: 0, receiptHandle: undefined };
      queues.enqueue(service, queues.getQueue(service, reference), { ...message, ...fresh });
      queues.notify(service);
    },
    /** Copies of the queue's messages in order, for tests. */
    messages: call((reference: string): StoredMessage[] =>
      [...queues.getQueue(service, reference).byId.values()].map(({ group: _group, ...message }) => message),
    ),
  };
}

/** Does first what is due. The listeners run last, when the state is final. */
function upToDate<O>(service: Service, action: () => O): O {
  try {
    moveTasks.advanceTasks(service);
    return action();
  } finally {
    queues.notify(service);
  }
}

function nextChangeAt(service: Service, queue: Queue | undefined): number | undefined {
  if (!queue) return undefined;
  const now = service.now();
  let earliest = Math.min(queues.earliestExpiry(queue), moveTasks.nextMoveOf(service));
  // Only the first invisible message of a group counts, because the others wait behind it.
  for (const { messages } of queue.groups.values())
    earliest = Math.min(earliest, messages.find(({ visibleAt }) => visibleAt > now)?.visibleAt ?? Infinity);
  return earliest === Infinity ? undefined : earliest;
}
