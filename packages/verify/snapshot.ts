import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';

export type Item = Record<string, unknown> & { key: string };

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

export interface Snapshot {
  prefix: string;
  queues: readonly Queue[];
  /** The beginning of the hours, in ms since 1970. */
  from: number;
  at: number;
  items: readonly Item[];
  /** All items of the table, by key. Those of other hours have their state only. */
  known: ReadonlyMap<string, Item>;
  records: ReadonlyMap<string, string>;
  bodies: readonly string[];
  entries: readonly Entry[];
  /** Queues of which another reader hid messages, so that some entries may be missing. */
  hidden: ReadonlySet<string>;
  /** The source and the number of the message of each stored analytics event. */
  messages: readonly Record<string, unknown>[];
  effects: readonly Effect[];
}

/** The key of the row to which a kept body belongs. An id may hold slashes, a queue's name may not. */
export const keyOfBody = (prefix: string, key: string): string =>
  key.slice(`${prefix}/_bodies/`.length).replace('/', '#');

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

/** The text of an object; of Parquet, the source and the number of each row as a line. A damaged object has none. */
export async function textOf(key: string, bytes: Uint8Array): Promise<string> {
  try {
    if (!key.endsWith('.parquet'))
      return (key.endsWith('.gz') ? gunzipSync(bytes) : Buffer.from(bytes)).toString('utf8');
    const compressors = { ZSTD: (page: Uint8Array) => zstdDecompressSync(page) };
    const file = new Uint8Array(bytes).buffer;
    const rows = await parquetReadObjects({ file, columns: ['source', 'sequence_number'], compressors });
    return rows
      .map(({ source, sequence_number: sequence }) => JSON.stringify({ source, sequence: `${sequence ?? ''}` }))
      .join('\n');
  } catch {
    return '';
  }
}

export const linesOf = (text: string): Record<string, unknown>[] => text.split('\n').filter(Boolean).map(parsed);
