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

/** SQS refused the request. Nothing has changed. `code`: the SDK's name of the error. */
export class SqsError extends Error {
  override readonly name = 'SqsError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** SQS uses this sentence for most bad parameters. */
export const invalidValue = (parameter: string, value: unknown, reason: string): SqsError =>
  new SqsError('InvalidParameterValue', `Value ${value} for parameter ${parameter} is invalid. Reason: ${reason}`);

/** The attributes of a queue, parsed. */
export interface QueueSettings {
  visibilityMs: number;
  retentionMs: number;
  /** Whether a group has deduplication ids of its own. */
  deduplicatesInGroup: boolean;
  redrive: { targetArn: string; maxReceiveCount: number } | undefined;
  /** The queues that may use this one as their DLQ. The default is all. */
  sources: string[] | undefined;
}

/** The state of SQS for one account in one region. */
export interface Service extends SqsModelOptions {
  queues: Map<string, Queue>;
  lastPosition: number;
  listeners: Map<string, Set<() => void>>;
  /** Names of queues whose listeners have not been called yet. */
  changed: Set<string>;
}

/** A message at its position. Positions rise across the whole model, in the order in which SQS accepted messages. */
export interface Message extends StoredMessage {
  position: number;
  group: Group;
}

/** The unit of order. In a standard queue each message is its own, so one receive rule serves both types. */
export interface Group {
  key: string;
  messages: Message[];
}

export interface Queue {
  name: string;
  arn: string;
  fifo: boolean;
  /** Hands out the group with the oldest message first, however often it was received. */
  byAge: boolean;
  attributes: Record<string, string>;
  settings: QueueSettings;
  /** The group that waits for longest comes first. */
  groups: Map<string, Group>;
  byId: Map<string, Message>;
  /** The accepted sends, for deduplication. */
  remembered: Map<string, { messageId: string; sequenceNumber: string; until: number }>;
  /** No message expires before this time. */
  nextExpiry: number;
}

/** The receives of a message that is new in its queue. */
export const UNRECEIVED = {
  receivedAt: undefined,
  firstReceivedAt: undefined,
  receiveCount: 0,
  receivesHere: 0,
  receiptHandle: undefined,
  deadLetterSourceArn: undefined,
} as const;

/** Finds a queue by name, URL or ARN, but not that of another account. Drops its expired messages. */
export function findQueue(service: Service, reference = ''): Queue | undefined {
  const parts = reference.split(/[/:]/);
  const queue =
    parts.length === 1 || parts.at(-2) === service.account ? service.queues.get(parts.at(-1) ?? '') : undefined;
  if (queue) expire(queue, service.now());
  return queue;
}

export function getQueue(service: Service, reference: string | undefined): Queue {
  const queue = findQueue(service, reference);
  if (!queue) throw new SqsError('QueueDoesNotExist', 'The specified queue does not exist.');
  return queue;
}

/** Appends a message to a queue. A FIFO queue gives it a sequence number: 20 digits, increasing, not consecutive. */
export function enqueue(service: Service, queue: Queue, content: Omit<StoredMessage, 'sequenceNumber'>): Message {
  const position = ++service.lastPosition;
  const sequenceNumber = queue.fifo ? String(18_800_000_000_000_000_000n + BigInt(position) * 256n) : undefined;
  const key = queue.fifo ? (content.groupId ?? '') : content.messageId;
  const group = queue.groups.get(key) ?? { key, messages: [] };
  queue.groups.set(key, group);
  const message: Message = { ...content, sequenceNumber, position, group };
  group.messages.push(message);
  queue.byId.set(message.messageId, message);
  queue.nextExpiry = Math.min(queue.nextExpiry, message.sentAt + queue.settings.retentionMs);
  service.changed.add(queue.name);
  return message;
}

export function remove(queue: Queue, message: Message): void {
  const { group } = message;
  queue.byId.delete(message.messageId);
  group.messages.splice(group.messages.indexOf(message), 1);
  const next = group.messages[0];
  // SQS can deliver a copy late. It follows messages that it expires before.
  if (next) queue.nextExpiry = Math.min(queue.nextExpiry, next.sentAt + queue.settings.retentionMs);
  else queue.groups.delete(group.key);
}

/** Makes a group the last one, because a message of it was just received or made visible again. */
export function moveBack({ groups }: Queue, group: Group): void {
  groups.delete(group.key);
  groups.set(group.key, group);
}

/** Deletes the messages past their retention. SQS does not dead-letter those. */
function expire(queue: Queue, now: number): void {
  if (now < queue.nextExpiry) return;
  const { retentionMs } = queue.settings;
  for (const message of [...queue.byId.values()]) if (message.sentAt + retentionMs <= now) remove(queue, message);
  queue.nextExpiry = earliestExpiry(queue);
}

/** The first message of a group expires before the others, so only the first ones count. */
export function earliestExpiry({ groups, settings }: Queue): number {
  let earliest = Infinity;
  for (const { messages } of groups.values()) earliest = Math.min(earliest, messages[0]?.sentAt ?? Infinity);
  return earliest + settings.retentionMs;
}

/** The receivable messages in SQS's order: group by group, each up to its first invisible message. */
export function* receivable(queue: Queue, now: number, horizon = Infinity): Generator<Message> {
  for (const group of inOrder(queue))
    for (const message of group.messages) {
      if (message.visibleAt > now || message.position > horizon) break;
      yield message;
    }
}

function* inOrder({ byAge, byId, groups }: Queue): Generator<Group> {
  if (!byAge) return yield* groups.values();
  for (const message of byId.values()) if (message.group.messages[0] === message) yield message.group;
}

/** Exact numbers. Those of SQS are approximate. */
export function counts(queue: Queue, now: number): { visible: number; inFlight: number } {
  const total = { visible: 0, inFlight: 0 };
  for (const { visibleAt, receivesHere } of queue.byId.values())
    if (visibleAt <= now) total.visible += 1;
    else if (receivesHere > 0) total.inFlight += 1;
  return total;
}

/** Calls the listeners of every changed queue. A listener may call the model. */
export function notify(service: Service): void {
  if (service.changed.size === 0) return;
  const names = [...service.changed];
  service.changed.clear();
  for (const name of names) for (const listener of [...(service.listeners.get(name) ?? [])]) listener();
}
