import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { endpointsSchema } from './endpoints';

const connectionSchema = z.object({
  /** URL of the HTTP API. */
  api: z.url(),
  region: z.string(),
  endpoints: endpointsSchema,
});

/** How another process finds the service that runs in this project. */
export type Connection = z.infer<typeof connectionSchema>;

export const NOT_RUNNING =
  'The local service is not running. Start it in another terminal with "npm start", then run this command again.';

/** A stopped service refuses at once. Only a very busy one needs this long. */
const HEALTH_LIMIT_MS = 10_000;

const fileIn = (project: string): string => join(project, '.local', 'service.json');

/** Writes the connection to a file in the project. Returns a function that removes it. */
export function announce(connection: Connection, project = process.cwd()): () => void {
  const file = fileIn(project);
  const text = JSON.stringify(connection, null, 2);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return () => {
    // Keep the file of a service that started later.
    if (readFileSync(file, 'utf8') === text) rmSync(file);
  };
}

/** Finds the running service. A killed service leaves its file behind, so this asks the API. */
export async function findService(project = process.cwd()): Promise<Connection | undefined> {
  try {
    const connection = connectionSchema.parse(JSON.parse(readFileSync(fileIn(project), 'utf8')));
    const { ok } = await fetch(`${connection.api}/health`, { signal: AbortSignal.timeout(HEALTH_LIMIT_MS) });
    return ok ? connection : undefined;
  } catch {
    return undefined;
  }
}
