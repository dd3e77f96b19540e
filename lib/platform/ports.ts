/**
 * Every side effect goes through these interfaces. So the same engine runs against AWS (lib/platform/aws), on a developer's
 * machine (packages/local) and on the virtual clock of the simulation (tests/simulation).
 *
 * Every method that talks to a service rejects with a StoreError and nothing else. A rejected call may still have taken
 * effect, because its answer may have been lost.
 */

export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number;
  /** `signal`: ends the sleep early. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  uuid(): string;
  /** In [0, 1). */
  fraction(): number;
}

export interface OutgoingMessage {
  body: string;
  /** Only for FIFO queues, which require it. ASCII, at most 128 characters. */
  groupId?: string;
  deduplicationId?: string;
  /** At most ten string attributes. They count towards the message's limit of 1 MiB. */
  attributes?: Record<string, string>;
}

export interface ReceivedMessage {
  messageId: string;
  receiptHandle: string;
  body: string;
  groupId?: string;
  sequenceNumber?: string;
  /** Number of deliveries, including this one. */
  receiveCount: number;
  /** Milliseconds since 1970. For a message that SQS moved to a DLQ, the time of the move. */
  sentAt: number;
  attributes: Record<string, string>;
  /** True in a DLQ if SQS moved the message there, false if the worker sent it. */
  movedBySqs: boolean;
}

export interface SentMessage {
  messageId: string;
  /** Only of a FIFO queue. */
  sequenceNumber?: string;
}

/** SQS. A URL names a queue. */
export interface Queues {
  send(queueUrl: string, message: OutgoingMessage): Promise<SentMessage>;
  /** Receives at most ten messages, without long polling. */
  receive(queueUrl: string, options: { max: number; visibilitySeconds: number }): Promise<ReceivedMessage[]>;
  /** `seconds` counts from now, 0 to 43,200. */
  changeVisibility(queueUrl: string, receiptHandle: string, seconds: number): Promise<void>;
  /** Changes at most ten messages in one call. A message that SQS refuses keeps its old visibility. */
  changeVisibilityBatch(queueUrl: string, receiptHandles: readonly string[], seconds: number): Promise<void>;
  delete(queueUrl: string, receiptHandle: string): Promise<void>;
  /** SQS counts approximately. */
  depth(queueUrl: string): Promise<{ visible: number; inFlight: number }>;
}

/** The outcome of one message of a batch. */
export type BatchEntry = ({ sent: true } & SentMessage) | { sent: false; code: string };

/** SQS for a caller that sends many messages. A batch can fail in part. */
export interface BatchQueues {
  /** Sends at most ten messages of together 1 MiB. The answers are in the order of the messages. */
  sendBatch(queueUrl: string, messages: OutgoingMessage[]): Promise<BatchEntry[]>;
}

export const TOO_LARGE = 'S3.TooLarge';

export interface ObjectVersion {
  bytes: Uint8Array;
  /** Names this content. `replace` expects it. */
  etag: string;
  metadata: Readonly<Record<string, string>>;
}

/** What an event about the end of a job says. docs/events.md has the schema. */
export interface Completion<Result = unknown> {
  /** `{job}:{generation}:{state}`. A repeat of the event has the same id. */
  id: string;
  job: string;
  queue: string;
  type?: string;
  generation: number;
  state: string;
  reason?: string;
  /** Whether nothing can change this end. False for dead jobs: operators can retry them. No later event corrects it. */
  final: boolean;
  result?: Result;
  error?: { code: string; field?: string };
  /** What the job succeeded without. A resend changes it, without a second event. */
  without?: readonly { what: string; code: string }[];
  correlationId?: string;
  traceparent?: string;
  /** ISO 8601, as the other times. */
  acceptedAt: string;
  startedAt?: string;
  endedAt: string;
}

export interface Events {
  publish(completion: Completion): Promise<void>;
}

/** The bucket. Keys include the prefix. */
export interface Objects {
  /** `metadata` is S3's metadata of the object: ASCII, at most 2 KB, never personal data. */
  put(key: string, body: string | Uint8Array, contentType: string, metadata?: Record<string, string>): Promise<void>;
  /** Puts an object only if the key is free. An existing object stays unchanged. */
  create(...object: Parameters<Objects['put']>): Promise<'created' | 'exists'>;
  /** Puts an object in place of the version with this ETag. Changes nothing if another version or none is there. */
  replace(
    key: string,
    body: string | Uint8Array,
    contentType: string,
    etag: string,
    metadata?: Record<string, string>,
  ): Promise<'replaced' | 'changed'>;
  /** `undefined` if there is no such object. A StoreError with the code TOO_LARGE if it has more than `mostBytes`. */
  get(key: string, options?: { mostBytes?: number }): Promise<Uint8Array | undefined>;
  /** Like `get`, with what `replace` needs. */
  read(key: string): Promise<ObjectVersion | undefined>;
  /** Like `read`, unless the object is still the version with this ETag. */
  readChanged(key: string, etag: string): Promise<ObjectVersion | 'unchanged' | undefined>;
  /** The bytes of an object. `undefined` if there is none. */
  size(key: string): Promise<number | undefined>;
  delete(key: string): Promise<void>;
  /** The keys under the prefix in order, at most `limit` of them, starting after `after`. */
  list(prefix: string, options?: { after?: string; limit?: number }): Promise<string[]>;
}

/**
 * One document of the jobs table as the table gives it. Every change writes the whole item under the next version. The table refuses a write
 * that expects another version. That makes claims exclusive and zombies harmless.
 */
export interface Item extends ItemHead {
  [attribute: string]: unknown;
}

/** What every item has, besides the attributes of its kind. */
export interface ItemHead {
  key: string;
  /** 1 for the first write, one more for each later write. */
  version: number;
  /** Random and new for each write. It identifies our own write when its answer was lost. */
  writer: string;
  /** What the reconciler has to do with the item, e.g. `feedback#held` (index `todo`, sparse). */
  todo?: string;
  /** The earliest time for that, ms since 1970. */
  todoAt?: number;
  /** The queue of a job, or `campaign` (index `accepted`, by the item's `time`). Absent on other shared items. */
  accepted?: string;
  /** `{queue}#{message group}` of a job's row (index `inGroup`). */
  inGroup?: string;
  /** A keyed hash of the person whom a job is about (index `person`). */
  person?: string;
  /** DynamoDB's TTL, seconds since 1970. */
  expiresAt?: number;
}

/** A change of some attributes of an item. All others stay. */
export interface Change {
  /** What the item's attributes must be. `undefined`: absent. An empty list or map: empty. */
  expected: Readonly<Record<string, string | number | readonly never[] | Readonly<Record<string, never>> | undefined>>;
  set: Readonly<Record<string, unknown>>;
  /** What is added to the end of a list. Without that list in the item, nothing changes. */
  append: Readonly<Record<string, readonly unknown[]>>;
}

export interface Due {
  key: string;
  todoAt: number;
}

export interface Accepted {
  key: string;
  /** When the job or campaign was accepted, ms since 1970. */
  time: number;
}

export interface Table {
  /** A strongly consistent read. */
  get(key: string): Promise<Item | undefined>;
  /** Writes the whole item if the stored version is `expected`. 0 expects that there is no item. */
  put(item: Item | ItemHead, expected: number): Promise<'written' | 'conflict'>;
  /**
   * Changes an item without a read, adds 1 to its version, and returns it. `undefined`: nothing was written, because
   * the item is not as the change expects it, or its version is less than 1.
   */
  update(key: string, change: Change): Promise<Item | undefined>;
  delete(key: string, expected: number): Promise<'deleted' | 'conflict'>;
  /**
   * Items with this `todo` and a `todoAt` of at most `until`, the oldest first by default. Returns at most `limit`
   * items, starting after `after`. The index is eventually consistent, so read an item before you act on it.
   */
  due(
    todo: string,
    options: { until: number; after?: Due | undefined; limit: number; newestFirst?: boolean },
  ): Promise<Due[]>;
  /**
   * Each `todo` for which there are items, whenever they are due. `undefined`: there are more than `most` items.
   * Eventually consistent.
   */
  todos(most: number): Promise<string[] | undefined>;
  /** Counts items with this `todo` and a `todoAt` of at least `since`. Eventually consistent. Stops near `most`. */
  count(todo: string, options: { since: number; most?: number }): Promise<number>;
  /**
   * The jobs of a queue whose `time` is in [`from`, `until`], the newest first, at most `limit`, starting after `after`.
   * Eventually consistent.
   */
  accepted(
    queue: string,
    options: { from?: number; until?: number; after?: Accepted | undefined; limit: number },
  ): Promise<Accepted[]>;
  /** Keys of a message group's jobs in order, by their `inGroup`. The rest is as for `due`. */
  group(group: string, options: { after?: string | undefined; limit: number }): Promise<string[]>;
  /** The same for the jobs about a person, by the hash of the address. */
  person(person: string, options: { after?: string | undefined; limit: number }): Promise<string[]>;
}

/** Lambda's event source mappings: whether Lambda receives the messages of a queue. */
export interface Mappings {
  /** `undefined`: the queue has no mapping. A mapping counts as off from the moment AWS begins to disable it. */
  isOn(queue: string): Promise<boolean | undefined>;
  /** Lambda stops or begins within a minute. Rejects with the code `Lambda.NoMapping` if there is none. */
  set(queue: string, on: boolean): Promise<void>;
}

export interface MetricQuery {
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
  statistic: 'Sum' | 'Maximum' | 'SampleCount' | 'p50' | 'p95';
}

export interface MetricPoint {
  /** When the period begins, ms since 1970. */
  at: number;
  value: number;
}

/** CloudWatch, as operators read it. Its metrics are some minutes late. */
export interface Monitoring {
  /** The points of each metric in the order of time. Periods without data have no point. */
  series(
    metrics: readonly MetricQuery[],
    window: { from: number; to: number; periodSeconds: number },
  ): Promise<MetricPoint[][]>;
  /** The alarms in the state ALARM whose names begin like this, with the time since which they are firing. */
  firing(prefix: string): Promise<{ name: string; since: number }[]>;
}

/** Facts under fixed keys, for example queue, jobId, outcome, ms. Never bodies, addresses or tokens. */
export type Facts = Record<string, string | number | boolean | undefined>;

/** `error`: what was caught. The line names a bug (lib/platform/bug.ts) and says where it was thrown. */
export type Log = Record<'info' | 'warn' | 'error', (message: string, facts?: Facts, error?: unknown) => void>;

export type Unit = 'Count' | 'Milliseconds' | 'Bytes';

export interface Metrics {
  /** Keep the dimensions few and bounded, because CloudWatch bills each combination. */
  add(name: string, value: number, unit: Unit, dimensions: Record<string, string>): void;
  flush(): Promise<void>;
}

/** Returns a token or key, and remembers it. `fresh` fetches it again. */
export type Secret = (options?: { fresh?: boolean }) => Promise<string>;
