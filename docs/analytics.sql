-- The view of all events for DuckDB, each once (docs/analytics.md). Replace s3://team-bucket/jobs by bucket and prefix.
-- Add a column for each property of analytics.columns, as for price. If that setting has changed, add
-- union_by_name = true to read_parquet.
CREATE MACRO arrived(files) AS TABLE
SELECT id AS event_id, name AS event_name,
  CASE WHEN sent IS NULL THEN "time"::TIMESTAMPTZ ELSE make_timestamptz(epoch_us(coalesce(received, accepted)::TIMESTAMPTZ)
    + epoch_us("time"::TIMESTAMPTZ) - epoch_us(sent::TIMESTAMPTZ)) END AS occurred_at,
  "time"::TIMESTAMPTZ AS device_time, sent::TIMESTAMPTZ AS sent_at, coalesce(received, accepted)::TIMESTAMPTZ AS received_at,
  "user" AS user_id, anonymous AS anonymous_id, session AS session_id, device, app AS app_version, platform,
  "schema" AS schema_version, properties::VARCHAR AS properties, job AS job_id, source, "group" AS message_group,
  sequence AS sequence_number, accepted::TIMESTAMPTZ AS packed_at,
  CASE json_type(properties, '$.price') WHEN 'VARCHAR' THEN NULL ELSE TRY_CAST(properties->>'price' AS DOUBLE) END AS price,
  make_date(year::INT, month::INT, day::INT) AS date, make_date(year::INT, month::INT, day::INT) + 1 AS next, hour
FROM read_json(files, format = 'newline_delimited', hive_partitioning = true,
  hive_types = {'year': 'VARCHAR', 'month': 'VARCHAR', 'day': 'VARCHAR', 'hour': 'VARCHAR'},
  columns = {'id': 'VARCHAR', 'name': 'VARCHAR', 'time': 'VARCHAR', 'sent': 'VARCHAR', 'received': 'VARCHAR',
    'user': 'VARCHAR', 'anonymous': 'VARCHAR', 'session': 'VARCHAR', 'device': 'VARCHAR', 'app': 'VARCHAR',
    'platform': 'VARCHAR', 'properties': 'JSON', 'schema': 'BIGINT', 'job': 'VARCHAR', 'source': 'VARCHAR',
    'group': 'VARCHAR', 'sequence': 'BIGINT', 'accepted': 'VARCHAR'})
WHERE year || month || day || hour >= strftime((now() - INTERVAL 3 DAY) AT TIME ZONE 'UTC', '%Y%m%d%H');

-- The day of an original and of Parquet is that of its folder, so that a question about days opens no other. A late
-- copy is in the folder of the hour in which it came.
CREATE VIEW stored AS
SELECT * EXCLUDE (year, month, day), make_date(year::INT, month::INT, day::INT) AS date,
  make_date(year::INT, month::INT, day::INT) + 1 AS next
FROM read_parquet('s3://team-bucket/jobs/analytics-events/**/*.parquet', hive_partitioning = true,
  hive_types = {'year': 'VARCHAR', 'month': 'VARCHAR', 'day': 'VARCHAR', 'hour': 'VARCHAR'})
UNION ALL BY NAME
SELECT * FROM arrived('s3://team-bucket/jobs/analytics-originals/**/*.ndjson.gz')
UNION ALL BY NAME
SELECT * REPLACE ((packed_at AT TIME ZONE 'UTC')::DATE AS date, (packed_at AT TIME ZONE 'UTC')::DATE + 1 AS next,
  strftime(packed_at AT TIME ZONE 'UTC', '%H') AS hour)
FROM arrived('s3://team-bucket/jobs/analytics-late/**/*.ndjson.gz');

CREATE VIEW events AS
SELECT * EXCLUDE (again, place)
FROM (
  SELECT *, row_number() OVER (PARTITION BY date, event_id, user_id, session_id ORDER BY packed_at, job_id) AS place
  FROM (
    SELECT * EXCLUDE (next), false AS again FROM stored
    UNION ALL BY NAME
    SELECT event_id, user_id, session_id, packed_at, job_id, next AS date, true AS again FROM stored
  )
)
WHERE place = 1 AND NOT again;
