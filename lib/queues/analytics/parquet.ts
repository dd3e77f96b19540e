import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { parquetMetadata, parquetReadObjects, type SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { type ColumnType, EVENT_COLUMNS, type PropertyType } from './columns';

/** A property that has a column of its own, with the type of its values. Other values are null there. */
export type PropertyColumn = readonly [property: string, type: PropertyType];

type ValueOf<T extends ColumnType> = T extends 'text' ? string : number;
type Columns = typeof EVENT_COLUMNS;
/** An event as a row of a Parquet object. Times are ms since 1970. */
export type EventRow = {
  [C in keyof Columns]: ValueOf<Columns[C][0]> | (Columns[C][1] extends true ? never : null);
};

const PHYSICAL = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  number: { type: 'DOUBLE' },
  boolean: { type: 'BOOLEAN' },
  integer: { type: 'INT64' },
  time: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MILLIS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
  },
} as const satisfies Record<ColumnType, Partial<SchemaElement>>;

const element = (name: string, type: ColumnType, required: boolean): SchemaElement => ({
  name,
  ...PHYSICAL[type],
  repetition_type: required ? 'REQUIRED' : 'OPTIONAL',
});

export const PARQUET = 'application/vnd.apache.parquet';
/** Query engines skip row groups by the statistics of each. Larger ones need more memory to write. */
const ROW_GROUP = 65_536;
/** We write once, and query engines bill every read by its size. */
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 6 } };

/** A line of a message's own object as a row. */
export function rowOf(line: string): EventRow {
  const event = JSON.parse(line);
  const packed = Date.parse(event.accepted);
  const received = event.received === undefined ? packed : Date.parse(event.received);
  const time = Date.parse(event.time);
  const sent = event.sent === undefined ? null : Date.parse(event.sent);
  return {
    event_id: event.id,
    event_name: event.name,
    occurred_at: sent === null ? time : received + time - sent,
    device_time: time,
    sent_at: sent,
    received_at: received,
    user_id: event.user ?? null,
    anonymous_id: event.anonymous ?? null,
    session_id: event.session ?? null,
    device: event.device ?? null,
    app_version: event.app ?? null,
    platform: event.platform ?? null,
    schema_version: event.schema ?? null,
    properties: event.properties ? JSON.stringify(event.properties) : null,
    job_id: event.job,
    source: event.source,
    message_group: event.group,
    sequence_number: event.sequence,
    packed_at: packed,
  };
}

/** A repeat is the same id of the same user and session, because some ids are unique in a session only. */
export const identityOf = (row: Pick<EventRow, 'event_id' | 'user_id' | 'session_id'>): string =>
  `${row.event_id}\n${row.user_id ?? ''}\n${row.session_id ?? ''}`;

/** Writes the rows sorted by name and time, so a query for some names reads few row groups. It sorts `rows` itself. */
export function toParquet(rows: EventRow[], columns: readonly PropertyColumn[]): Uint8Array {
  rows.sort(
    (a, b) =>
      compare(a.event_name, b.event_name) || a.occurred_at - b.occurred_at || compare(identityOf(a), identityOf(b)),
  );
  const given = Object.entries(EVENT_COLUMNS) as [keyof EventRow, readonly [ColumnType, boolean, string]][];
  const schema = [
    { name: 'events', num_children: given.length + columns.length },
    ...given.map(([name, [type, required]]) => element(name, type, required)),
    ...columns.map(([name, type]) => element(name, type, false)),
  ];
  const properties = columns.length > 0 ? rows.map((row) => JSON.parse(row.properties ?? '{}')) : [];
  const columnData = [
    ...given.map(([name, [type]]) => ({ name, data: rows.map((row) => physical(row[name], type)) })),
    ...columns.map(([name, type]) => ({ name, data: properties.map((all) => ofType(all[name], type)) })),
  ];
  const compressors = { ZSTD: (bytes: Uint8Array) => zstdCompressSync(bytes, LEVEL) };
  const file = parquetWriteBuffer({ schema, columnData, codec: 'ZSTD', compressors, rowGroupSize: ROW_GROUP });
  return new Uint8Array(file);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const physical = (value: string | number | null, type: ColumnType) =>
  type === 'integer' && value !== null ? BigInt(value) : value;

const ofType = (value: unknown, type: PropertyType): unknown =>
  typeof value === (type === 'text' ? 'string' : type) ? value : null;

const NUMBERS = Object.entries(EVENT_COLUMNS).flatMap(([column, [type]]) => (type === 'text' ? [] : [column]));

const ALL = Object.keys(EVENT_COLUMNS) as (keyof EventRow)[];

/** Reads the rows of an object, with all columns or some. Rejects if the object is damaged. */
export async function fromParquet<C extends keyof EventRow>(bytes: Uint8Array, columns = ALL as C[]) {
  const file = new Uint8Array(bytes).buffer;
  const compressors = { ZSTD: (page: Uint8Array) => zstdDecompressSync(page) };
  const rows = await parquetReadObjects({ file, columns, compressors });
  const numbers = NUMBERS.filter((column) => columns.includes(column as C));
  for (const row of rows) for (const column of numbers) if (row[column] !== null) row[column] = Number(row[column]);
  return rows as Pick<EventRow, C>[];
}

/** The columns for properties of an object, as it was written. Throws if the object is damaged. */
export function propertyColumnsOf(bytes: Uint8Array): PropertyColumn[] {
  const { schema } = parquetMetadata(new Uint8Array(bytes).buffer);
  return schema.slice(1).flatMap(({ name, type }): PropertyColumn[] => {
    const [of] = (['text', 'number', 'boolean'] as const).filter((one) => PHYSICAL[one].type === type);
    return of === undefined || name in EVENT_COLUMNS ? [] : [[name, of]];
  });
}
