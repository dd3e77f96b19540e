/**
 * The ports as the released revision knew them. The bundle reaches everything outside its memory through these, so they
 * stay as they are while today's ports change.
 *
 * Every method that calls a service rejects with a StoreError and nothing else. A rejection does not prove that the call
 * had no effect, because its answer may have been lost.
 */

export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

export interface Random {
  /** A fresh random UUID. */
  uuid(): string;
  /** In [0, 1). */
  fraction(): number;
}

export interface OutgoingMessage {
  body: string;
  /** FIFO queues only, and required there; ASCII, at most 128 characters. */
  groupId?: string;
  deduplicationId?: string;
  /** String attributes. They count into the 1 MiB of the message; at most ten. */
  attributes?: Record<string, string>;
}

export interface ReceivedMessage {
  messageId: string;
  receiptHandle: string;
  body: string;
  groupId?: string;
  sequenceNumber?: string;
  /** Deliveries so far, this one included. */
  receiveCount: number;
  /** Milliseconds since 1970. For a message that SQS moved to a DLQ: when it was moved. */
  sentAt: number;
  attributes: Record<string, string>;
  /** In a DLQ: SQS moved the message there. No function sent it. */
  movedBySqs: boolean;
}

export interface Depth {
  visible: number;
  inFlight: number;
}

/** SQS. Queues are named by URL. */
export interface Queues {
  send(queueUrl: string, message: OutgoingMessage): Promise<{ messageId: string; sequenceNumber?: string }>;
  /** At most ten messages, no long poll. */
  receive(queueUrl: string, options: { max: number; visibilitySeconds: number }): Promise<ReceivedMessage[]>;
  /** `seconds`: from now, 0 to 43,200. */
  changeVisibility(queueUrl: string, receiptHandle: string, seconds: number): Promise<void>;
  delete(queueUrl: string, receiptHandle: string): Promise<void>;
  /** Approximate, as SQS says itself. */
  depth(queueUrl: string): Promise<Depth>;
}

/** What happened to one message of a batch. */
export type BatchEntry = { sent: true; messageId: string } | { sent: false; code: string };

/** SQS, for who sends many messages: a batch can fail in part. */
export interface BatchQueues {
  /** At most ten messages and 1 MiB together. Answers in the order of the messages. */
  sendBatch(queueUrl: string, messages: OutgoingMessage[]): Promise<BatchEntry[]>;
}

/** The bucket. Keys are whole, prefix included. */
export interface Objects {
  /** `metadata`: S3's own of the object, ASCII, at most 2 KB; never personal. */
  put(key: string, body: string | Uint8Array, contentType: string, metadata?: Record<string, string>): Promise<void>;
  /** Puts an object where there is none; one that is there stays as it is. */
  create(
    key: string,
    body: string | Uint8Array,
    contentType: string,
    metadata?: Record<string, string>,
  ): Promise<'created' | 'exists'>;
  /** `undefined` where there is no such object. */
  get(key: string): Promise<Uint8Array | undefined>;
  delete(key: string): Promise<void>;
  /** Keys under the prefix, in order, at most `limit` after `after`. */
  list(prefix: string, options?: { after?: string; limit?: number }): Promise<string[]>;
}

/**
 * One document of the jobs table. A writer writes the whole item under the next version. The table refuses a write on
 * another version than the expected one. So claims are exclusive, and a late write of a dead run is harmless.
 */
export interface Item {
  key: string;
  /** 1 for the first write, one more for each later one. */
  version: number;
  /** Random for each write. It identifies our own write if the answer was lost. */
  writer: string;
  /** What the reconciler has to do with the item (index `todo`, sparse), e.g. `feedback#held`, … */
  todo?: string;
  /** … and from when on, ms since 1970. */
  todoAt?: number;
  /** `{queue}#YYYYMMDDHH` of the job's time, or of a campaign's (index `hour`); absent on other shared items. */
  hour?: string;
  /** DynamoDB's TTL, seconds since 1970. */
  expiresAt?: number;
  [attribute: string]: unknown;
}

/** One entry of the `todo` index. */
export interface Due {
  key: string;
  todoAt: number;
}

/** The jobs table. */
export interface Table {
  /** Strongly consistent. */
  get(key: string): Promise<Item | undefined>;
  /** Writes the whole item if the stored version is `expected`; 0: if there is no item. */
  put(item: Item, expected: number): Promise<'written' | 'conflict'>;
  delete(key: string, expected: number): Promise<'deleted' | 'conflict'>;
  /**
   * Items whose `todo` is this and `todoAt` at most `until`, oldest first, at most `limit` after `after`. Eventually
   * consistent: get before acting.
   */
  due(todo: string, options: { until: number; after?: Due | undefined; limit: number }): Promise<Due[]>;
  /** How many items have this `todo` and `todoAt` of at least `since`. Eventually consistent. */
  count(todo: string, options: { since: number }): Promise<number>;
  /** Keys of an hour's jobs (`hour` index), in order, at most `limit` after `after`. Eventually consistent. */
  hour(hour: string, options: { after?: string; limit: number }): Promise<string[]>;
}

/** Facts with fixed keys: queue, jobId, messageId, group, receiveCount, outcome, ms. Never bodies, addresses, tokens. */
export type Facts = Record<string, string | number | boolean | undefined>;

export interface Log {
  info(message: string, facts?: Facts): void;
  warn(message: string, facts?: Facts): void;
  error(message: string, facts?: Facts): void;
}

export type Unit = 'Count' | 'Milliseconds' | 'Bytes';

export interface Metrics {
  /** Dimensions are few and bounded: each combination costs money. */
  add(name: string, value: number, unit: Unit, dimensions: Record<string, string>): void;
  /** Writes out what was added since the last flush. */
  flush(): void;
}
