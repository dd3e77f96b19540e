/** The package brings no types; this is the part that is used. */
declare module 'dynalite' {
  import type { Server } from 'node:http';

  /** A DynamoDB over HTTP that keeps its tables in memory. `createTableMs`: how long a new table is not active. */
  function dynalite(options: { createTableMs?: number; deleteTableMs?: number }): Server;
  export = dynalite;
}
