import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { parquetMetadata, parquetReadObjects, type SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { type ColumnType, EVENT_COLUMNS, type PropertyType } from '../config/functions';

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
  const { time, properties, accepted, ...row } = JSON.parse(line);
  return {
    user: null,
    session: null,
    device: null,
    schema: null,
    ...row,
    time: Date.parse(time),
    properties: properties ? JSON.stringify(properties) : null,
    accepted: Date.parse(accepted),
  };
}

/** Writes the rows sorted by name and time, so a query for some names reads few row groups. It sorts `rows` itself. */
export function toParquet(rows: EventRow[], columns: readonly PropertyColumn[]): Uint8Array {
  rows.sort((a, b) => compare(a.name, b.name) || a.time - b.time || compare(a.id, b.id));
  const given = Object.entries(EVENT_COLUMNS) as [keyof EventRow, readonly [ColumnType, boolean]][];
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

/** Reads the rows of an object. Rejects if the object is damaged. */
export async function fromParquet(bytes: Uint8Array): Promise<EventRow[]> {
  const file = new Uint8Array(bytes).buffer;
  const compressors = { ZSTD: (page: Uint8Array) => zstdDecompressSync(page) };
  const rows = await parquetReadObjects({ file, columns: Object.keys(EVENT_COLUMNS), compressors });
  return rows.map(({ time, accepted, schema, sequence, ...row }) => ({
    ...(row as unknown as EventRow),
    time: Number(time),
    accepted: Number(accepted),
    schema: schema === null ? null : Number(schema),
    sequence: sequence === null ? null : Number(sequence),
  }));
}

/** The columns for properties of an object, as it was written. Throws if the object is damaged. */
export function propertyColumnsOf(bytes: Uint8Array): PropertyColumn[] {
  const { schema } = parquetMetadata(new Uint8Array(bytes).buffer);
  return schema.slice(1).flatMap(({ name, type }): PropertyColumn[] => {
    const [of] = (['text', 'number', 'boolean'] as const).filter((one) => PHYSICAL[one].type === type);
    return of === undefined || name in EVENT_COLUMNS ? [] : [[name, of]];
  });
}
