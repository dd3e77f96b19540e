import { SqsError } from './errors';
import { append, expire, type Message, type Queue } from './queue';
import type { SqsModelOptions, StoredMessage } from './types';

/** A task that moves the messages of a DLQ back to their sources, or to a given queue. */
export interface MoveTask {
  handle: string;
  sourceArn: string;
  destinationArn: string | undefined;
  /** Messages per second. `undefined` moves all of them at once. */
  rate: number | undefined;
  startedAt: number;
  toMove: number;
  moved: number;
  status: 'RUNNING' | 'COMPLETED' | 'FAILED';
  failure: string | undefined;
}

/** The state of SQS for one account in one region. */
export interface Service extends SqsModelOptions {
  queues: Map<string, Queue>;
  /** When each queue was deleted. SQS refuses the same name for a minute. */
  deletedAt: Map<string, number>;
  tasks: MoveTask[];
  lastPosition: number;
  listeners: Map<string, Set<() => void>>;
  /** Names of queues whose listeners have not been called yet. */
  changed: Set<string>;
}

/** The queue name in a name, URL or ARN; `undefined` if that names another account. */
function nameIn(reference: string, account: string): string | undefined {
  const parts = reference.split(/[/:]/);
  return parts.length === 1 || parts.at(-2) === account ? parts.at(-1) : undefined;
}

/** Finds a queue by name, URL or ARN, and drops its expired messages. */
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

/** Appends a message to a queue. A FIFO queue gives it a sequence number. */
export function enqueue(service: Service, queue: Queue, content: Omit<StoredMessage, 'sequenceNumber'>): Message {
  const position = nextPosition(service);
  const sequenceNumber = queue.fifo ? sequence(position) : undefined;
  service.changed.add(queue.name);
  return append(queue, { ...content, sequenceNumber }, position);
}

/** Numbers that rise across the whole model, for messages and for the turns of groups. */
export function nextPosition(service: Service): number {
  service.lastPosition += 1;
  return service.lastPosition;
}

/** 20 digits, increasing, not consecutive. AWS promises no more than that. */
const sequence = (position: number): string => String(18_800_000_000_000_000_000n + BigInt(position) * 256n);

/** Calls the listeners of every changed queue. A listener may call the model. */
export function notify(service: Service): void {
  if (service.changed.size === 0) return;
  const names = [...service.changed];
  service.changed.clear();
  for (const name of names) for (const listener of [...(service.listeners.get(name) ?? [])]) listener();
}
