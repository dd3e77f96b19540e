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
  /** Rows of other hours that an entry, a record or a body names, by key. */
  others: ReadonlyMap<string, Item>;
  /** The texts of the records in the hours, by S3 key. */
  records: ReadonlyMap<string, string>;
  /** Keys of all kept bodies. */
  bodies: readonly string[];
  entries: readonly Entry[];
  /** Queues of which another reader hid messages, so that some entries may be missing. */
  hidden: ReadonlySet<string>;
  effects: readonly Effect[];
}

export interface Finding {
  kind:
    | 'lost-job'
    | 'effect-twice'
    | 'end-without-record'
    | 'record-differs'
    | 'entry-without-row'
    | 'dead-without-entry'
    | 'order-broken'
    | 'campaign-sum-wrong'
    | 'orphan-body'
    | 'state-unreachable';
  /** The job, campaign or key. */
  id: string;
  /** What is wrong, without values that may be personal. */
  what: string;
}

/** The key of the row to which a kept body belongs. An id may hold slashes, a queue's name may not. */
export const keyOfBody = (prefix: string, key: string): string => {
  const [queue = '', ...id] = key
    .slice(`${prefix}/_bodies/`.length)
    .replace(/\.record$/, '')
    .split('/');
  return `${queue}#${id.join('/')}`;
};
