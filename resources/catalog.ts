import { type ColumnType, EVENT_COLUMNS, type PropertyType } from '../lib/queues/analytics/columns';
import { dataPrefix, latePrefix, parquetPrefix } from '../lib/queues/analytics/keys';
import type { Instance } from './instances/instance';
import type { Fragment, Resource } from './template';

/** Athena's tables and the view of each event once (docs/analytics.md). Partition projection needs no crawler. */
export function catalogResources(of: Pick<Instance, 'name' | 'bucket' | 'prefix' | 'analytics'>): Fragment {
  const { name, bucket, prefix, analytics } = of;
  const { athena = false, columns = {} } = analytics;
  if (!athena) return {};
  const database = `${name.replaceAll('-', '_')}_analytics`;
  const at = (folder: (prefix: string) => string) => `s3://${bucket}/${folder(prefix)}`;
  const types = { ...COLUMNS, ...typesOf(Object.entries(columns)) };
  return {
    Resources: {
      AnalyticsDatabase: {
        Type: 'AWS::Glue::Database',
        Properties: {
          CatalogId: ACCOUNT,
          DatabaseInput: { Name: database, Description: `Analytics events of ${name}` },
        },
      },
      AnalyticsOriginals: table(database, 'originals', { location: at(dataPrefix), types: LINES, format: JSON_LINES }),
      AnalyticsLate: table(database, 'late', { location: at(latePrefix), types: LINES, format: JSON_LINES }),
      AnalyticsWritten: table(database, 'written', { location: at(parquetPrefix), types, format: PARQUET }),
      AnalyticsEvents: view(database, { sql: eventsView(columns), types: { ...types, date: 'date', hour: 'string' } }),
    },
  };
}

const ACCOUNT = { Ref: 'AWS::AccountId' };

const TYPES: Record<ColumnType, string> = {
  text: 'string',
  number: 'double',
  boolean: 'boolean',
  integer: 'bigint',
  time: 'timestamp',
};
const typesOf = (columns: [column: string, type: ColumnType][]): Record<string, string> =>
  Object.fromEntries(columns.map(([column, type]) => [column, TYPES[type]]));

const COLUMNS = typesOf(Object.entries(EVENT_COLUMNS).map(([column, [type]]) => [column, type]));
/** The fields of the lines of originals, with times as text. */
const LINES = Object.fromEntries(
  Object.values(EVENT_COLUMNS).flatMap(([type, , field]) =>
    field === '' ? [] : [[field, type === 'time' ? 'string' : TYPES[type]]],
  ),
);

const HADOOP = 'org.apache.hadoop';
const JSON_LINES = {
  InputFormat: `${HADOOP}.mapred.TextInputFormat`,
  OutputFormat: `${HADOOP}.hive.ql.io.HiveIgnoreKeyTextOutputFormat`,
  SerdeInfo: { SerializationLibrary: 'org.openx.data.jsonserde.JsonSerDe' },
};
const PARQUET = {
  InputFormat: `${HADOOP}.hive.ql.io.parquet.MapredParquetInputFormat`,
  OutputFormat: `${HADOOP}.hive.ql.io.parquet.MapredParquetOutputFormat`,
  SerdeInfo: { SerializationLibrary: `${HADOOP}.hive.ql.io.parquet.serde.ParquetHiveSerDe` },
};

/**
 * A day is a date, so no partition is one that cannot exist: from the year of the first release until now
 * (https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html).
 */
const PROJECTION = {
  'day.type': 'date',
  'day.format': "'year='yyyy'/month='MM'/day='dd",
  'day.range': 'year=2026/month=01/day=01,NOW+1DAYS',
  'day.interval': '1',
  'day.interval.unit': 'DAYS',
  'hour.type': 'integer',
  'hour.range': '0,23',
  'hour.digits': '2',
};

const glueColumns = (types: Record<string, string>) => Object.entries(types).map(([Name, Type]) => ({ Name, Type }));

function table(
  database: string,
  Name: string,
  { location, types, format }: { location: string; types: Record<string, string>; format: object },
): Resource {
  const projected = Object.entries(PROJECTION).map(([key, value]) => [`projection.${key}`, value]);
  return inDatabase(database, {
    Name,
    TableType: 'EXTERNAL_TABLE',
    Parameters: {
      EXTERNAL: 'TRUE',
      'projection.enabled': 'true',
      'storage.location.template': `${location}$\{day}/hour=$\{hour}/`,
      ...Object.fromEntries(projected),
    },
    PartitionKeys: ['day', 'hour'].map((Name) => ({ Name, Type: 'string' })),
    StorageDescriptor: { Columns: glueColumns(types), Location: location, ...format },
  });
}

const inDatabase = (DatabaseName: string, TableInput: object): Resource => ({
  Type: 'AWS::Glue::Table',
  Properties: { CatalogId: ACCOUNT, DatabaseName, TableInput },
  DependsOn: ['AnalyticsDatabase'],
});

/** A view of Athena: SQL and columns as JSON in base64 (https://docs.aws.amazon.com/athena/latest/ug/views.html). */
function view(database: string, { sql, types }: { sql: string; types: Record<string, string> }): Resource {
  const columns = Object.entries(types).map(([name, type]) => ({ name, type: PRESTO[type] ?? type }));
  const definition = JSON.stringify({ originalSql: sql, catalog: 'awsdatacatalog', schema: database, columns });
  return inDatabase(database, {
    Name: 'events',
    TableType: 'VIRTUAL_VIEW',
    Parameters: { presto_view: 'true', comment: 'Presto View' },
    ViewOriginalText: `/* Presto View: ${Buffer.from(definition).toString('base64')} */`,
    ViewExpandedText: '/* Presto View */',
    StorageDescriptor: { Columns: glueColumns(types), Location: '', SerdeInfo: {} },
  });
}

const PRESTO: Record<string, string> = { string: 'varchar', timestamp: 'timestamp(3)' };

/** A property of a line, as its column in Parquet has it: null if the property has another type. */
const PROPERTY: Record<PropertyType, (json: string, path: string) => string> = {
  text: (json, path) => `CASE WHEN ${json} LIKE '"%' THEN json_extract_scalar(properties, '${path}') END`,
  number: (json) => `TRY_CAST(${json} AS double)`,
  boolean: (json) => `CASE ${json} WHEN 'true' THEN true WHEN 'false' THEN false END`,
};

/** What a row that hides repeats needs. */
const KEYS: readonly string[] = ['event_id', 'user_id', 'session_id', 'job_id', 'packed_at'];

/** The view: a row hides later ones with its id, user and session. `date` opens only the objects of those days and of the day before. */
export function eventsView(columns: Record<string, PropertyType>): string {
  const utc = (column: string) => `CAST(from_iso8601_timestamp(${column}) AT TIME ZONE 'UTC' AS timestamp(3))`;
  const own = Object.keys(COLUMNS).map((column) => `"${column}"`);
  const given = Object.entries(columns);
  const all = [...own, ...given.map(([property]) => `"${property}"`)].join(', ');
  const received = 'coalesce("received", "accepted")';
  const special: Record<string, string> = {
    received_at: utc(received),
    occurred_at: `CASE WHEN "sent" IS NULL THEN ${utc('"time"')} ELSE ${utc(received)} + (${utc('"time"')} - ${utc('"sent"')}) END`,
  };
  const lines = [
    ...Object.entries(EVENT_COLUMNS).map(([column, [type, , field]]) => {
      const plain = type === 'time' ? utc(`"${field}"`) : `"${field}"`;
      return `${special[column] ?? plain} AS "${column}"`;
    }),
    ...given.map(([property, type]) => {
      const path = `$.${property}`;
      return `${PROPERTY[type](`json_format(json_extract(properties, '${path}'))`, path)} AS "${property}"`;
    }),
  ].join(', ');
  const types = { ...COLUMNS, ...typesOf(Object.entries(columns)) };
  const hidden = Object.entries(types).map(([column, type]) =>
    KEYS.includes(column) ? `"${column}"` : `CAST(NULL AS ${PRESTO[type] ?? type}) AS "${column}"`,
  );
  // Of a text such as year=2026/month=01/day=02. Trino keeps each partition for which an expression throws.
  const day = "TRY_CAST(substr(day, 6, 4) || '-' || substr(day, 17, 2) || '-' || substr(day, 24, 2) AS date)";
  const since = "date_format(current_timestamp AT TIME ZONE 'UTC' - INTERVAL '3' DAY, 'year=%Y/month=%m/day=%d%H')";
  const arrived = (table: string) =>
    `SELECT ${lines}, ${day} AS date, ${day} + INTERVAL '1' DAY AS next, hour FROM ${table} WHERE day || hour >= ${since}`;
  return `WITH stored AS (
  SELECT ${all}, ${day} AS date, ${day} + INTERVAL '1' DAY AS next, hour FROM written
  UNION ALL
  ${arrived('originals')}
  UNION ALL
  SELECT ${all}, CAST(packed_at AS date), CAST(packed_at AS date) + INTERVAL '1' DAY, date_format(packed_at, '%H')
  FROM (${arrived('late')})
)
SELECT ${all}, date, hour FROM (
  SELECT *, row_number() OVER (PARTITION BY date, event_id, user_id, session_id ORDER BY packed_at, job_id) AS place FROM (
    SELECT ${all}, date, hour, false AS again FROM stored
    UNION ALL
    SELECT ${hidden.join(', ')}, next AS date, '' AS hour, true AS again FROM stored
  )
) WHERE place = 1 AND NOT again`;
}
