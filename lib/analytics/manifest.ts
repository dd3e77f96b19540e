import type { Objects } from '../ports';
import { manifestPartition } from './keys';

/** One message whose events have moved into a compacted object. */
export interface ManifestEntry {
  job: string;
  /** Name of the compacted object, without its extension. */
  object: string;
  /**
   * ISO 8601: readers before it take the message's own object, from then on the compacted one. It lies ahead of the
   * writing: whoever lists the bucket a little sooner or later than it reads the manifests still finds what it takes.
   */
  from: string;
  source: string | null;
  group: string | null;
  sequence: number | null;
  events: number;
  /** Of the message's lines, hex: tells it from another one under its id. */
  sha256: string;
}

/** Which messages of an hour have moved, by job. */
export type Moved = ReadonlyMap<string, ManifestEntry>;

/** All manifests of an hour. Each names the messages of one compacted object and is written once. */
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
