import { SqsError } from './errors';
import type { MoveTask } from './move-tasks';
import { append, expire, type Message, type Queue } from './queue';
import type { SqsModelOptions, StoredMessage } from './types';

/** One account in one region. */
export interface Service extends SqsModelOptions {
  queues: Map<string, Queue>;
  /** When names became free; SQS does not give them away again for a minute. */
  deletedAt: Map<string, number>;
  tasks: MoveTask[];
  lastPosition: number;
  listeners: Map<string, Set<() => void>>;
  /** Names of queues whose listeners have not been called yet. */
  changed: Set<string>;
}

/** The name in a name, a URL or an ARN; `undefined` if it is of another account. */
function nameIn(reference: string, account: string): string | undefined {
  const parts = reference.split(/[/:]/);
  return parts.length === 1 || parts.at(-2) === account ? parts.at(-1) : undefined;
}

/** By name, URL or ARN, without what has expired by now. */
export function findQueue(service: Service, reference: string | undefined): Queue | undefined {
  const queue = service.queues.get(nameIn(reference ?? '', service.account) ?? '');
  if (queue) expire(queue, service.now());
  return queue;
}

export function getQueue(service: Service, reference: string | undefined): Queue {
  const queue = findQueue(service, reference);
  if (!queue) throw new SqsError('QueueDoesNotExist', 'The specified queue does not exist.');
  return queue;
}

/** Puts a message at the end of a queue, under a sequence number if it is a FIFO queue. */
export function enqueue(service: Service, queue: Queue, content: Omit<StoredMessage, 'sequenceNumber'>): Message {
  service.lastPosition += 1;
  const sequenceNumber = queue.fifo ? sequence(service.lastPosition) : undefined;
  service.changed.add(queue.name);
  return append(queue, { ...content, sequenceNumber }, service.lastPosition);
}

/** 20 digits, increasing, not consecutive: nobody should count on more. */
const sequence = (position: number): string => String(18_800_000_000_000_000_000n + BigInt(position) * 256n);

/** Calls the listeners of every queue that changed; they may call the model themselves. */
export function notify(service: Service): void {
  if (service.changed.size === 0) return;
  const names = [...service.changed];
  service.changed.clear();
  for (const name of names) for (const listener of [...(service.listeners.get(name) ?? [])]) listener();
}
