-- The view of all events for DuckDB, each once (docs/analytics.md). Replace s3://team-bucket/jobs by bucket and prefix.
-- Add a column for each property of analytics.columns, as for price. If that setting has changed, add
-- union_by_name = true to read_parquet.
CREATE MACRO arrived(files) AS TABLE
SELECT id, name, "time"::TIMESTAMPTZ AS "time", "user", session, device, "schema", properties::VARCHAR AS properties,
  job, source, "group", sequence, accepted::TIMESTAMPTZ AS accepted,
  CASE json_type(properties, '$.price') WHEN 'VARCHAR' THEN NULL ELSE TRY_CAST(properties->>'price' AS DOUBLE) END AS price,
  make_date(year::INT, month::INT, day::INT) AS date, make_date(year::INT, month::INT, day::INT) + 1 AS next, hour
FROM read_json(files, format = 'newline_delimited', hive_partitioning = true,
  hive_types = {'year': 'VARCHAR', 'month': 'VARCHAR', 'day': 'VARCHAR', 'hour': 'VARCHAR'},
  columns = {'id': 'VARCHAR', 'name': 'VARCHAR', 'time': 'VARCHAR', 'user': 'VARCHAR', 'session': 'VARCHAR',
    'device': 'VARCHAR', 'properties': 'JSON', 'schema': 'BIGINT', 'job': 'VARCHAR', 'source': 'VARCHAR',
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
SELECT * FROM arrived('s3://team-bucket/jobs/analytics/**/*.ndjson.gz')
UNION ALL BY NAME
SELECT * REPLACE ((accepted AT TIME ZONE 'UTC')::DATE AS date, (accepted AT TIME ZONE 'UTC')::DATE + 1 AS next,
  strftime(accepted AT TIME ZONE 'UTC', '%H') AS hour)
FROM arrived('s3://team-bucket/jobs/analytics-late/**/*.ndjson.gz');

CREATE VIEW events AS
SELECT * EXCLUDE (again, place)
FROM (
  SELECT *, row_number() OVER (PARTITION BY date, id ORDER BY accepted, job) AS place
  FROM (
    SELECT * EXCLUDE (next), false AS again FROM stored
    UNION ALL BY NAME
    SELECT id, accepted, job, next AS date, true AS again FROM stored
  )
)
WHERE place = 1 AND NOT again;
