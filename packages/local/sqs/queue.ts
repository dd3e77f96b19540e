import type * as sdk from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { queueUrl } from '../../../lib/engine/jobs/keys';
import { json } from '../../../lib/platform/config/common';
import { ACCOUNT, queueArn, REGION } from '../loopback';

export interface SqsModelOptions {
  /** Milliseconds since 1970. It may stand still but never goes back. */
  now: () => number;
  uuid: () => string;
  /**
   * Which group a FIFO queue hands out first; AWS promises no order. `turns`, the default, as AWS was seen to do: one
   * that waited goes before one that was just received or made visible again. `age`: that with the oldest message.
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

export const refused = (message: string): SqsError => new SqsError('InvalidParameterValue', message);

export const invalidValue = (parameter: string, value: unknown, reason: string): SqsError =>
  refused(`Value ${value} for parameter ${parameter} is invalid. Reason: ${reason}`);

export interface Service extends SqsModelOptions {
  queues: Map<string, Queue>;
  accepted: number;
  changed: Set<Queue>;
  /** The oldest first. */
  tasks: MoveTask[];
}

/** A task that moves the messages of a DLQ, in the SDK's shape. Without a rate it moves all at once. */
export interface MoveTask extends sdk.ListMessageMoveTasksResultEntry {
  ApproximateNumberOfMessagesMoved: number;
  StartedTimestamp: number;
}

export interface Message extends StoredMessage {
  group: Group;
}

/** The unit of order. In a standard queue each message is its own, so one receive rule serves both types. */
export interface Group {
  key: string;
  messages: Message[];
}

export type Queue = ReturnType<typeof newQueue>;

/** Finds a queue by name, URL or ARN, but not that of another account. Drops its expired messages. */
export function findQueue(service: Service, reference = ''): Queue | undefined {
  const parts = reference.split(/[/:]/);
  const isOwn = parts.length === 1 || parts.at(-2) === ACCOUNT;
  const queue = isOwn ? service.queues.get(parts.at(-1) ?? '') : undefined;
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
  service.accepted += 1;
  const sequenceNumber = queue.fifo ? String(18_800_000_000_000_000_000n + BigInt(service.accepted) * 256n) : undefined;
  const key = queue.fifo ? (content.groupId ?? '') : content.messageId;
  const group = queue.groups.get(key) ?? { key, messages: [] };
  queue.groups.set(key, group);
  const message: Message = { ...content, sequenceNumber, group };
  group.messages.push(message);
  queue.byId.set(message.messageId, message);
  queue.nextExpiry = Math.min(queue.nextExpiry, message.sentAt + queue.settings.retentionMs);
  service.changed.add(queue);
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
export function* receivable(service: Service, queue: Queue): Generator<Message> {
  const now = service.now();
  for (const group of inOrder(service, queue))
    for (const message of group.messages) {
      if (message.visibleAt > now) break;
      yield message;
    }
}

function* inOrder({ groupOrder }: Service, { byId, groups }: Queue): Generator<Group> {
  if (groupOrder !== 'age') return yield* groups.values();
  for (const message of byId.values()) if (message.group.messages[0] === message) yield message.group;
}

const PURGE_PAUSE_MS = 60_000;

/** Deletes all messages, those in flight included. Their deduplication ids may be used again. */
export function purge(service: Service, queue: Queue): void {
  const now = service.now();
  const tooSoon = `Only one PurgeQueue operation on ${queue.name} is allowed every 60 seconds.`;
  if (now < queue.purgedAt + PURGE_PAUSE_MS) throw new SqsError('PurgeQueueInProgress', tooSoon);
  for (const message of [...queue.byId.values()]) remove(queue, message);
  queue.remembered.clear();
  queue.purgedAt = now;
  service.changed.add(queue);
}

/** The queues whose redrive policy names this one. */
export const sourcesOf = ({ queues }: Service, { arn }: Queue): Queue[] =>
  [...queues.values()].filter(({ settings }) => settings.redrive?.deadLetterTargetArn === arn);

type Page = { MaxResults?: number | undefined; NextToken?: string | undefined };

/** The URLs of queues, by name. SQS gives them page by page only if the request names a size. */
function urlsOf(queues: Queue[], { MaxResults: most = Infinity, NextToken: after = '' }: Page) {
  const left = queues.filter(({ name }) => name > after).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const shown = left.slice(0, most);
  const next = left.length > shown.length ? shown.at(-1)?.name : undefined;
  return { urls: shown.map(({ url }) => url), ...(next !== undefined && { NextToken: next }) };
}

export function listQueues(service: Service, input: sdk.ListQueuesRequest): sdk.ListQueuesResult {
  const { QueueNamePrefix: prefix = '' } = input;
  const { urls, ...more } = urlsOf(
    [...service.queues.values()].filter(({ name }) => name.startsWith(prefix)),
    input,
  );
  return { ...(urls.length > 0 && { QueueUrls: urls }), ...more };
}

export function listSources(service: Service, queue: Queue, input: sdk.ListDeadLetterSourceQueuesRequest) {
  const { urls, ...more } = urlsOf(sourcesOf(service, queue), input);
  return { queueUrls: urls, ...more };
}

export function notify(service: Service): void {
  const queues = [...service.changed];
  service.changed.clear();
  for (const { listeners } of queues) for (const listener of [...listeners]) listener();
}

const secondsBetween = (least: number, most: number) => z.coerce.number().int().min(least).max(most);

/**
 * The attributes of a queue that the model knows. It refuses others, because it would not do what they say.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
 */
const attributesSchema = z.strictObject({
  FifoQueue: z.literal('true').optional(),
  ContentBasedDeduplication: z.literal('false').optional(),
  DeduplicationScope: z.enum(['queue', 'messageGroup']).optional(),
  FifoThroughputLimit: z.enum(['perQueue', 'perMessageGroupId']).optional(),
  VisibilityTimeout: secondsBetween(0, 43_200),
  MessageRetentionPeriod: secondsBetween(60, 1_209_600),
  SqsManagedSseEnabled: z.string().optional(),
  KmsMasterKeyId: z.string().optional(),
  RedrivePolicy: json(
    // Consoles and older templates write the number as a string. SQS takes both.
    z.object({ deadLetterTargetArn: z.string(), maxReceiveCount: z.coerce.number().int().min(1).max(1000) }),
  ).optional(),
  RedriveAllowPolicy: json(
    z.strictObject({ redrivePermission: z.literal('byQueue'), sourceQueueArns: z.array(z.string()).min(1).max(10) }),
  ).optional(),
});

const DEFAULTS = { VisibilityTimeout: '30', MessageRetentionPeriod: '345600' };

function settingsOf(attributes: Record<string, string>) {
  const { success, data, error } = attributesSchema.safeParse(attributes);
  if (!success) throw new SqsError('InvalidAttributeValue', `Invalid attributes. ${z.prettifyError(error)}`);
  return {
    visibilityMs: data.VisibilityTimeout * 1000,
    retentionMs: data.MessageRetentionPeriod * 1000,
    /** Whether a group has deduplication ids of its own. */
    deduplicatesInGroup: data.DeduplicationScope === 'messageGroup',
    redrive: data.RedrivePolicy,
    /** The queues that may use this one as their DLQ. The default is all. */
    sources: data.RedriveAllowPolicy?.sourceQueueArns,
  };
}

function newQueue(name: string, attributes: Record<string, string>) {
  return {
    name,
    arn: queueArn(name),
    fifo: name.endsWith('.fifo'),
    url: queueUrl(REGION, ACCOUNT, name),
    attributes,
    settings: settingsOf(attributes),
    /** The group that waits for longest comes first. */
    groups: new Map<string, Group>(),
    byId: new Map<string, Message>(),
    remembered: new Map<string, Pick<Message, 'messageId' | 'sequenceNumber'> & { until: number }>(),
    purgedAt: -Infinity,
    /** No message expires before this time. */
    nextExpiry: Infinity,
    listeners: new Set<() => void>(),
  };
}

/** Creates the queue, or returns an existing one with the same attributes. */
export function createQueue(service: Service, { QueueName: name = '', Attributes }: sdk.CreateQueueRequest) {
  const given: Record<string, string> = { ...Attributes };
  const fifo = given.FifoQueue === 'true';
  if (!/^[A-Za-z0-9_-]{1,80}(\.fifo)?$/.test(name) || name.length > 80 || fifo !== name.endsWith('.fifo'))
    throw invalidValue('QueueName', name, `It is not the name of a ${fifo ? 'FIFO' : 'standard'} queue.`);
  const existing = service.queues.get(name);
  if (existing && Object.keys(given).some((each) => existing.attributes[each] !== given[each]))
    throw new SqsError('QueueNameExists', 'A queue already exists with the same name and other attributes.');
  if (existing) return { QueueUrl: existing.url };
  const queue = newQueue(name, { ...DEFAULTS, ...given });
  checkRedrivePolicy(service, queue, queue.settings);
  service.queues.set(name, queue);
  return { QueueUrl: queue.url };
}

export function setQueueAttributes(service: Service, queue: Queue, given: sdk.SetQueueAttributesRequest): void {
  const attributes = { ...queue.attributes, ...given.Attributes };
  // SQS stores a later change of the scope but does not apply it.
  const settings = { ...settingsOf(attributes), deduplicatesInGroup: queue.settings.deduplicatesInGroup };
  checkRedrivePolicy(service, queue, settings);
  Object.assign(queue, { attributes, settings });
  queue.nextExpiry = earliestExpiry(queue);
  service.changed.add(queue);
}

/** Throws unless the policy names another queue of the same type, which allows this one as its source. */
function checkRedrivePolicy(service: Service, { arn, fifo }: Queue, { redrive }: ReturnType<typeof settingsOf>): void {
  if (!redrive) return;
  const target = findQueue(service, redrive.deadLetterTargetArn);
  const refuse = (reason: string) => invalidValue('RedrivePolicy', redrive.deadLetterTargetArn, reason);
  if (!target) throw refuse('Dead letter target does not exist.');
  if (target.fifo !== fifo) throw refuse('Dead-letter queue must be same type of queue as the source.');
  if (target.arn === arn) throw refuse('A queue cannot be its own dead-letter queue.');
  if (target.settings.sources?.includes(arn) === false)
    throw refuse('The dead-letter queue does not allow this source queue.');
}

export function queueAttributes(service: Service, queue: Queue, input: sdk.GetQueueAttributesRequest) {
  const { AttributeNames: names = [] } = input;
  const all = names.includes('All');
  const now = service.now();
  let [visible, inFlight] = [0, 0];
  // Counting is slow in a long queue, and few callers ask for it. The numbers are exact, those of SQS approximate.
  if (all || names.some((name) => name.startsWith('Approximate')))
    for (const { visibleAt, receivesHere } of queue.byId.values())
      if (visibleAt <= now) visible += 1;
      else if (receivesHere > 0) inFlight += 1;
  const values = Object.entries({
    ...queue.attributes,
    QueueArn: queue.arn,
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
  });
  const asked = all ? values : values.filter(([name]) => names.some((one) => one === name));
  return { Attributes: Object.fromEntries(asked) };
}
