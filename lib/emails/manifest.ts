import * as z from 'zod';
import { wrongField } from '../errors';
import { sha256 } from '../jobs/envelope';
import { dataPrefix, ERASED } from '../jobs/keys';
import type { Objects } from '../ports';
import { type CampaignContent, campaignContentSchema, EMAILS_QUEUE, hashOf } from './message';
import { InvalidRecipientsError, type Read, type Recipient, recipientCheck } from './recipients';
import { seenSet } from './seen-set';

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

/**
 * What an erasure leaves of a recipient. The line stays, because recipients are numbers of lines. No list has it
 * otherwise, since it is no address, and a part with such a line need not have the accepted hash.
 */
export const ERASED_LINE = JSON.stringify({ email: ERASED });

export type ReadDeps = { objects: Pick<Objects, 'get'>; prefix: string };

/** Reads the accepted manifest. As the next two, throws a PermanentError (`ManifestMissing`, `ManifestChanged`). */
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
  const text = Buffer.from(bytes).toString('utf8');
  if (sha256(bytes) !== expected && !text.split('\n').includes(ERASED_LINE))
    throw wrongField('ManifestChanged', field, 'an object of the campaign was changed after it was accepted');
  return text;
}

const REJECTED_PART = 5_000;

/**
 * Writes a campaign's recipients to the bucket, one part per chunk. The manifest comes last, so nothing can be sent
 * before. Memory is bounded for any number of recipients. Throws an InvalidRecipientsError if none is valid.
 */
export async function writeManifest(
  { objects, prefix }: { objects: Pick<Objects, 'put'>; prefix: string },
  given: { campaign: string; content: CampaignContent; recipients: AsyncIterable<Read[]>; chunkSize: number },
) {
  const { campaign, content, recipients, chunkSize } = given;
  const keys = campaignKeys(prefix, campaign);
  const parts = partWriter(objects, { size: chunkSize, key: keys.part });
  const refused = partWriter(objects, { size: REJECTED_PART, key: keys.rejected });
  const check = recipientCheck(content);
  const seen = seenSet();
  let requested = 0;
  let duplicates = 0;

  for await (const reads of recipients)
    for (const read of reads) {
      requested += 1;
      const checked = 'broken' in read ? { reason: read.broken } : check(read.value);
      if ('reason' in checked) refused.add(rejection(read, checked.reason));
      else if (seen.add(checked.recipient.email.toLowerCase())) parts.add(checked.recipient);
      else {
        duplicates += 1;
        refused.add(rejection(read, 'email: is there already'));
      }
      for (const writer of [parts, refused]) if (writer.full()) await writer.write();
    }
  await Promise.all([parts.end(), refused.end()]);
  if (parts.count() === 0)
    throw new InvalidRecipientsError(
      requested === 0
        ? 'must have at least 1 recipient'
        : `must have at least 1 valid recipient, but ${requested} are invalid`,
    );

  const contentJson = JSON.stringify(content);
  const manifest: Manifest = {
    manifest: 1,
    campaign,
    content: sha256(contentJson),
    parts: parts.hashes,
    rejected: refused.hashes,
  };
  const json = JSON.stringify(manifest);
  const key = keys.manifest(sha256(json));
  await objects.put(keys.content(manifest.content), contentJson, 'application/json');
  await objects.put(key, json, 'application/json');
  return {
    manifest: { key, sha256: sha256(json) },
    requested,
    duplicates,
    rejected: refused.count() - duplicates,
    recipients: parts.count(),
    chunks: parts.hashes.length,
    /** The keys of the rejected recipients, with their reasons and lines (NDJSON). */
    rejectedKeys: refused.hashes.map((hash, number) => keys.rejected(number, hash)),
  };
}

/** What the campaign's owner needs to fix a rejected recipient: line, reason, and the address if there is one. */
function rejection(read: Read, reason: string) {
  const email = 'value' in read ? (read.value as { email?: unknown } | null)?.email : undefined;
  return { line: read.line, ...(typeof email === 'string' ? { email: email.slice(0, 254) } : {}), reason };
}

const FIRST_BYTES = 64 * 1024;
/** Parts that are written at the same time hold at most this many entries together, to limit memory. */
const ENTRIES_AT_ONCE = 1_000;
const MOST_AT_ONCE = 16;
/** The most UTF-8 bytes for one unit of a string's length. */
const BYTES_PER_UNIT = 3;

/**
 * Writes entries as NDJSON, in objects of `size` entries whose keys contain their hashes. It keeps lines as bytes,
 * because strings would outlive V8's young generation. V8 would then grow that generation to several times its normal
 * size.
 */
export function partWriter(
  objects: Pick<Objects, 'put'>,
  { size, key }: { size: number; key: (number: number, sha: string) => string },
) {
  const hashes: string[] = [];
  let bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  let used = 0;
  let waiting = 0;
  let count = 0;
  const atOnce = Math.min(MOST_AT_ONCE, Math.max(1, Math.floor(ENTRIES_AT_ONCE / size)));
  const writing = new Set<Promise<void>>();
  let failure: { reason: unknown } | undefined;

  async function write(most: number): Promise<void> {
    if (waiting > 0) {
      const body = Buffer.from(bytes.subarray(0, used));
      [used, waiting] = [0, 0];
      const sha = sha256(body);
      const number = hashes.push(sha) - 1;
      const put: Promise<void> = objects
        .put(key(number, sha), body, 'application/x-ndjson')
        .catch((reason: unknown) => {
          failure ??= { reason };
        })
        .finally(() => writing.delete(put));
      writing.add(put);
    }
    while (writing.size >= most) await Promise.race(writing);
    if (failure) throw failure.reason;
  }

  return {
    hashes,
    count: () => count,
    add(entry: object): void {
      count += 1;
      waiting += 1;
      const line = `${JSON.stringify(entry)}\n`;
      const most = used + BYTES_PER_UNIT * line.length;
      if (most > bytes.length) bytes = Buffer.concat([bytes.subarray(0, used)], 2 * most);
      used += bytes.write(line, used);
    },
    /** Whether the caller must write a part before it adds more. */
    full: () => waiting >= size,
    /** Starts to write a part, and waits while too many writes are running. */
    write: () => write(atOnce),
    end: () => write(1),
  };
}
