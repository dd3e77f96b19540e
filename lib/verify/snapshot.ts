/** An item of the jobs table, as it is stored. */
export type Item = Record<string, unknown> & { key: string };

/** A message in a dead-letter queue. */
export interface Entry {
  queue: string;
  messageId: string;
  /** SQS moved the message, so it has no attributes of ours. */
  moved: boolean;
  attributes: Record<string, string>;
}

/** Something that a vendor says that it did for a job, under its own id. `what`: once per job. */
export interface Effect {
  job: string;
  what: string;
  id: string;
}

export interface Queue {
  name: string;
  /** The folder of its records, without the prefix. */
  records: string;
  fifo: boolean;
  retentionMs: number;
  dlqRetentionMs: number;
}

/** All that a service has stored about the jobs of some hours. */
export interface Snapshot {
  prefix: string;
  queues: readonly Queue[];
  /** When it was read, in ms since 1970. */
  at: number;
  /** Items that the index `hour` names: the rows of jobs, and campaigns. */
  items: readonly Item[];
  /** The same by key, and the rows of other hours that an entry, a record or a body names. */
  known: ReadonlyMap<string, Item>;
  /** The texts of the records in the hours, by S3 key. */
  records: ReadonlyMap<string, string>;
  /** Keys of all kept bodies. */
  bodies: readonly string[];
  entries: readonly Entry[];
  /** Queues of which another reader hid messages, so that some entries may be missing. */
  hidden: ReadonlySet<string>;
  effects: readonly Effect[];
}

/** The key of the row to which a kept body belongs. An id may hold slashes, a queue's name may not. */
export const keyOfBody = (prefix: string, key: string): string => {
  const path = key.slice(`${prefix}/_bodies/`.length).replace(/\.record$/, '');
  return path.replace('/', '#');
};

/** The folder of an hour below the folder of a queue. `time`: ms since 1970. */
export function partition(time: number): string {
  const [, year, month, day, hour] = /^(.+)-(..)-(..)T(..)/.exec(new Date(time).toISOString()) ?? [];
  return `year=${year}/month=${month}/day=${day}/hour=${hour}/`;
}

/** The fields of a stored JSON text. A damaged text has none. */
export function parsed(body: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}
