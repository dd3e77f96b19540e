import { moveMessages } from './move';
import { earliestExpiry, enqueue, findQueue, getQueue, notify, type Service } from './queue';
import { createQueue, queueAttributes, setQueueAttributes, urlOf } from './queues';
import { changeVisibility, deleteByReceipt, receive } from './receive';
import { checkSendEntries, runBatch, send } from './send';
import type { SqsModel, SqsModelOptions } from './types';

/** Creates the SQS of one account, without queues. */
export function createSqsModel(options: SqsModelOptions): SqsModel {
  const service: Service = {
    ...options,
    queues: new Map(),
    lastPosition: 0,
    listeners: new Map(),
    changed: new Set(),
  };
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

  return {
    region: options.region,
    account: options.account,
    createQueue: call(({ QueueName = '', Attributes = {} }) => ({
      QueueUrl: urlOf(service, createQueue(service, QueueName, Attributes as Record<string, string>).name),
    })),
    getQueueUrl: call((input) => ({ QueueUrl: urlOf(service, getQueue(service, input.QueueName).name) })),
    setQueueAttributes: call((input) =>
      setQueueAttributes(service, queueOf(input), (input.Attributes ?? {}) as Record<string, string>),
    ),
    getQueueAttributes: call((input) => ({
      Attributes: queueAttributes(service, queueOf(input), input.AttributeNames),
    })),
    sendMessage: call((input) => send(service, queueOf(input), input)),
    sendMessageBatch: call((input) => {
      const queue = queueOf(input);
      const entries = input.Entries ?? [];
      checkSendEntries(queue, entries);
      return runBatch(entries, (entry) => send(service, queue, entry));
    }),
    receiveMessage: call((input) => {
      const messages = receive(service, queueOf(input), input);
      return messages.length > 0 ? { Messages: messages } : {};
    }),
    deleteMessage: call((input) => deleteByReceipt(service, queueOf(input), input.ReceiptHandle)),
    changeMessageVisibility: call((input) =>
      changeVisibility(service, queueOf(input), { handle: input.ReceiptHandle, seconds: input.VisibilityTimeout }),
    ),
    changeMessageVisibilityBatch: call((input) => {
      const queue = queueOf(input);
      return runBatch(input.Entries ?? [], (entry) => {
        changeVisibility(service, queue, { handle: entry.ReceiptHandle, seconds: entry.VisibilityTimeout });
        return {};
      });
    }),
    startMessageMoveTask: call((input) => {
      moveMessages(service, input);
      return { TaskHandle: service.uuid() };
    }),

    /** Only the first invisible message of a group counts, because the others wait behind it. */
    nextChangeAt: call((reference) => {
      const queue = findQueue(service, reference);
      if (!queue) return undefined;
      const now = service.now();
      let earliest = earliestExpiry(queue);
      for (const { messages } of queue.order)
        earliest = Math.min(earliest, messages.find(({ visibleAt }) => visibleAt > now)?.visibleAt ?? Infinity);
      return earliest === Infinity ? undefined : earliest;
    }),
    onChange(reference, listener) {
      const name = reference.split(/[/:]/).at(-1) ?? reference;
      const listeners = service.listeners.get(name) ?? new Set();
      service.listeners.set(name, listeners.add(listener));
      return () => void listeners.delete(listener);
    },
    redeliver: (reference, message) =>
      call(() => {
        const fresh = { visibleAt: service.now(), receivedAt: undefined, receivesHere: 0, receiptHandle: undefined };
        enqueue(service, getQueue(service, reference), { ...message, ...fresh });
      })(undefined),
    messages: call((reference) =>
      [...getQueue(service, reference).byId.values()].map(({ position: _position, group: _group, ...message }) => ({
        ...message,
      })),
    ),
  };
}
