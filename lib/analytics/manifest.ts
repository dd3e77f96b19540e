import type { Objects } from '../ports';
import { manifestPartition } from './keys';

/** A message whose events moved into a compacted object. */
export interface ManifestEntry {
  job: string;
  /** The name of the compacted object without its extension. */
  object: string;
  /**
   * ISO 8601. Before this time readers use the message's own object, and afterwards the compacted one. It lies in the
   * future when it is written. So a reader may list the bucket a little earlier or later than it reads the manifests.
   */
  from: string;
  source: string | null;
  group: string | null;
  sequence: number | null;
  events: number;
  /** The hash of the message's lines, hex. It identifies another message with the same id. */
  sha256: string;
}

/** The messages of an hour that moved, by job. */
export type Moved = ReadonlyMap<string, ManifestEntry>;

/** Reads all manifests of an hour. Each names the messages of one compacted object and is written once. */
export async function readManifests(
  { objects, prefix }: { objects: Objects; prefix: string },
  hour: number,
): Promise<Moved> {
  const moved = new Map<string, ManifestEntry>();
  for (const key of await objects.list(manifestPartition(prefix, hour)))
    for (const entry of entriesOf(await objects.get(key))) moved.set(entry.job, entry);
  return moved;
}

const entriesOf = (bytes: Uint8Array | undefined): ManifestEntry[] =>
  Buffer.from(bytes ?? [])
    .toString('utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as ManifestEntry);

export const manifestText = (entries: readonly ManifestEntry[]): string =>
  entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
