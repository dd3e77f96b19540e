import type { Remembered } from './deduplication';
import type { QueueSettings } from './settings';
import type { StoredMessage } from './types';

/** A message in its place. Positions rise through the whole model, so they order messages as they were accepted. */
export interface Message extends StoredMessage {
  position: number;
  group: Group;
}

/**
 * The unit of order. A message of a standard queue is a group of its own, which makes the one receive rule do for both
 * types: nothing is ever behind anything.
 */
export interface Group {
  key: string;
  /** Position of the first message. */
  head: number;
  messages: Message[];
}

export interface Queue {
  name: string;
  arn: string;
  fifo: boolean;
  createdAt: number;
  modifiedAt: number;
  purgedAt: number | undefined;
  attributes: Record<string, string>;
  settings: QueueSettings;
  groups: Map<string, Group>;
  /** The same groups, the one with the oldest message first. */
  order: Group[];
  byId: Map<string, Message>;
  remembered: Map<string, Remembered>;
  /** No message expires before this. */
  nextExpiry: number;
}

/** Index of the first group whose oldest message is not older than `head`. */
function indexOf(order: Group[], head: number): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((order[middle]?.head ?? Infinity) < head) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Puts a message, newer than all that ever were in the model, at the end of its group. */
export function append(queue: Queue, content: StoredMessage, position: number): Message {
  const key = queue.fifo ? (content.groupId ?? '') : content.messageId;
  let group = queue.groups.get(key);
  if (!group) {
    group = { key, head: position, messages: [] };
    queue.groups.set(key, group);
    queue.order.push(group);
  }
  const message: Message = { ...content, position, group };
  group.messages.push(message);
  queue.byId.set(message.messageId, message);
  queue.nextExpiry = Math.min(queue.nextExpiry, message.sentAt + queue.settings.retentionMs);
  return message;
}

export function remove(queue: Queue, message: Message): void {
  const { group } = message;
  const index = group.messages.indexOf(message);
  queue.byId.delete(message.messageId);
  group.messages.splice(index, 1);
  if (index > 0) return;
  queue.order.splice(indexOf(queue.order, group.head), 1);
  const next = group.messages[0];
  if (!next) {
    queue.groups.delete(group.key);
    return;
  }
  group.head = next.position;
  queue.order.splice(indexOf(queue.order, group.head), 0, group);
}

export function clear(queue: Queue): void {
  queue.groups.clear();
  queue.order = [];
  queue.byId.clear();
  queue.remembered.clear();
}

/** Deletes what is past its retention. SQS does not dead-letter it. */
export function expire(queue: Queue, now: number): void {
  if (now < queue.nextExpiry) return;
  const { retentionMs } = queue.settings;
  for (const message of [...queue.byId.values()]) if (message.sentAt + retentionMs <= now) remove(queue, message);
  queue.nextExpiry = earliestExpiry(queue);
}

/** Within a group nothing expires before its first message, so the first ones tell. */
export const earliestExpiry = (queue: Queue): number =>
  queue.order.reduce(
    (earliest, { messages: [first] }) => Math.min(earliest, (first?.sentAt ?? Infinity) + queue.settings.retentionMs),
    Infinity,
  );

/** Exact, where SQS calls its own numbers approximate. */
export function counts(queue: Queue, now: number): { visible: number; inFlight: number; delayed: number } {
  const total = { visible: 0, inFlight: 0, delayed: 0 };
  for (const message of queue.byId.values()) {
    if (message.visibleAt <= now) total.visible += 1;
    else if (message.receivesHere > 0) total.inFlight += 1;
    else total.delayed += 1;
  }
  return total;
}
