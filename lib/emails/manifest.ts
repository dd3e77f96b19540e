import * as z from 'zod';
import { wrongField } from '../errors';
import { sha256 } from '../jobs/envelope';
import { dataPrefix } from '../jobs/keys';
import type { Objects } from '../ports';
import { type CampaignContent, campaignContentSchema, EMAILS_QUEUE, hashOf } from './message';
import type { Recipient } from './recipient';

/** Names the objects of an accepted campaign by hash, so that a later change is noticed. */
const manifestSchema = z.object({
  manifest: z.literal(1),
  campaign: z.uuid(),
  content: hashOf,
  /** One part per chunk, in order. */
  parts: z.array(hashOf).min(1),
  rejected: z.array(hashOf),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** Each key holds the hash of its object, so other bytes under the same idempotency key change no accepted object. */
export function campaignKeys(prefix: string, campaign: string) {
  const home = `${dataPrefix(prefix, EMAILS_QUEUE)}${campaign}/`;
  const number = (n: number) => String(n).padStart(6, '0');
  return {
    home,
    manifest: (sha: string) => `${home}manifest-${sha}.json`,
    content: (sha: string) => `${home}content-${sha}.json`,
    part: (n: number, sha: string) => `${home}recipients-${number(n)}-${sha}.ndjson`,
    rejected: (n: number, sha: string) => `${home}rejected-${number(n)}-${sha}.ndjson`,
  };
}

export type ReadDeps = { objects: Pick<Objects, 'get'>; prefix: string };

/** Reads the accepted manifest. Throws a PermanentError (`ManifestMissing`, `ManifestChanged`). */
export async function readManifest(
  deps: ReadDeps,
  { key, sha256: expected }: { key: string; sha256: string },
): Promise<Manifest> {
  return manifestSchema.parse(JSON.parse(await verified(deps, { key, expected, field: 'data.manifest' })));
}

export async function readPart(deps: ReadDeps, manifest: Manifest, number: number): Promise<Recipient[]> {
  const expected = manifest.parts[number];
  if (expected === undefined) throw wrongField('NoSuchChunk', 'data.number', 'the campaign has no such chunk');
  const key = campaignKeys(deps.prefix, manifest.campaign).part(number, expected);
  const text = await verified(deps, { key, expected, field: 'data.number' });
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Recipient);
}

export async function readContent(deps: ReadDeps, manifest: Manifest): Promise<CampaignContent> {
  const expected = manifest.content;
  const key = campaignKeys(deps.prefix, manifest.campaign).content(expected);
  return campaignContentSchema.parse(JSON.parse(await verified(deps, { key, expected, field: 'data.campaign' })));
}

async function verified(
  { objects }: ReadDeps,
  { key, expected, field }: { key: string; expected: string; field: string },
): Promise<string> {
  const bytes = await objects.get(key);
  if (!bytes) throw wrongField('ManifestMissing', field, 'an object of the campaign is gone');
  if (sha256(bytes) !== expected)
    throw wrongField('ManifestChanged', field, 'an object of the campaign was changed after it was accepted');
  return Buffer.from(bytes).toString('utf8');
}
