import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const connectionSchema = z.object({
  /** URL of the HTTP API. */
  api: z.url(),
  region: z.string(),
  endpoints: z.object({
    sqs: z.url(),
    s3: z.url(),
    dynamodb: z.url(),
    zendesk: z.url(),
    sendgrid: z.url(),
    appStoreConnect: z.url(),
    discord: z.url(),
  }),
});

/** How another process finds the service that runs in this project. */
export type Connection = z.infer<typeof connectionSchema>;

export const NOT_RUNNING =
  'The service on this machine is not running. Start it in another terminal with "npm start", then run this again.';

/** A service that is gone refuses at once; only one that is very busy needs this. */
const HEALTH_LIMIT_MS = 10_000;

const fileIn = (project: string): string => join(project, '.local', 'service.json');

/** Writes down where the service is; the answer takes it back. */
export function announce(connection: Connection, project = process.cwd()): () => void {
  const file = fileIn(project);
  const text = JSON.stringify(connection, null, 2);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return () => {
    // Not that of a service that was started since.
    if (readFileSync(file, 'utf8') === text) rmSync(file);
  };
}

/** The service that runs now; `undefined` where there is none, or only what one that was killed has left. */
export async function findService(project = process.cwd()): Promise<Connection | undefined> {
  try {
    const connection = connectionSchema.parse(JSON.parse(readFileSync(fileIn(project), 'utf8')));
    const { ok } = await fetch(`${connection.api}/health`, { signal: AbortSignal.timeout(HEALTH_LIMIT_MS) });
    return ok ? connection : undefined;
  } catch {
    return undefined;
  }
}
