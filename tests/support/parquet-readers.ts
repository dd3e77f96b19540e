import { readFileSync } from 'node:fs';
import polars from 'nodejs-polars';
import { readParquet } from 'parquet-wasm';

/** A process of its own, because polars has a class `String`, which Jest declares in each module. */

const TIMES = ['occurred_at', 'device_time', 'sent_at', 'received_at', 'packed_at'];
const WHOLE = [...TIMES, 'schema_version', 'sequence_number'];

/** Whole numbers as text, because polars would round them to a double. */
const rowsOf = (frame: polars.DataFrame, columns = frame.columns) =>
  frame
    .withColumns(...WHOLE.map((name) => polars.col(name).cast(polars.Int64).cast(polars.Utf8)))
    .select(...columns)
    .toRecords();

process.on('message', ({ file, columns }: { file: string; columns?: string[] }) => {
  // parquet-wasm hands its rows over as Arrow's IPC.
  const ipc = readParquet(new Uint8Array(readFileSync(file))).intoIPCStream();
  process.send?.({
    polars: rowsOf(polars.readParquet(file), columns),
    'parquet-wasm': rowsOf(polars.readIPCStream(Buffer.from(ipc)), columns),
  });
});
