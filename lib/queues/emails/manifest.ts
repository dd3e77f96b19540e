import { hash } from 'node:crypto';
import * as z from 'zod';
import { sha256 } from '../../engine/jobs/envelope';
import { dataPrefix, ERASED } from '../../engine/jobs/keys';
import { wrongField } from '../../platform/errors';
import type { Objects } from '../../platform/ports';
import { counted } from '../../platform/text';
import { type CampaignContent, type CampaignJob, campaignContentSchema, hashOf } from './message';
import { mergeOf } from './placeholders';
import { EMAILS_QUEUE } from './queue';
import { InvalidRecipientsError, type Read, type Recipient, recipientCheck } from './recipients';

/** Names the objects of an accepted campaign by hash, so that a later change is noticed. */
const manifestSchema = z.object({
  manifest: z.literal(1),
  campaign: z.uuid(),
  content: hashOf,
  /** One part per chunk, in order. */
  parts: z.array(hashOf).min(1),
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

/** What an erasure leaves of a recipient, who is the number of a line. Such a part is marked, and may have another hash. */
export const ERASED_LINE = JSON.stringify({ email: ERASED });

export type ReadDeps = { objects: Pick<Objects, 'get'> & Partial<Pick<Objects, 'read'>>; prefix: string };

/** Reads the accepted manifest. As the next two, throws a PermanentError (`ManifestMissing`, `ManifestChanged`). */
export async function readManifest(deps: ReadDeps, { key, sha256 }: CampaignJob['manifest']): Promise<Manifest> {
  return manifestSchema.parse(JSON.parse(await verified(deps, key, sha256, 'data.manifest')));
}

export async function readPart(deps: ReadDeps, manifest: Manifest, number: number): Promise<Recipient[]> {
  const expected = manifest.parts[number];
  if (expected === undefined) throw wrongField('NoSuchChunk', 'data.number', 'the campaign has no such chunk');
  const key = campaignKeys(deps.prefix, manifest.campaign).part(number, expected);
  const lines = (await verified(deps, key, expected, 'data.number')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Recipient);
}

export async function readContent(deps: ReadDeps, manifest: Manifest): Promise<CampaignContent> {
  const expected = manifest.content;
  const key = campaignKeys(deps.prefix, manifest.campaign).content(expected);
  return campaignContentSchema.parse(JSON.parse(await verified(deps, key, expected, 'data.campaign')));
}

/** What a recipient of a campaign gets, counted from 1. Throws a PermanentError if there is no such recipient. */
export async function readMail(
  deps: ReadDeps,
  campaign: Pick<CampaignJob, 'manifest' | 'recipients' | 'chunkSize'>,
  number: number,
) {
  const { manifest: reference, recipients, chunkSize } = campaign;
  if (!(number >= 1 && number <= recipients))
    throw wrongField('NoSuchRecipient', 'numbers', `must be from 1 to ${recipients}`);
  const manifest = await readManifest(deps, reference);
  const content = await readContent(deps, manifest);
  const part = await readPart(deps, manifest, Math.floor((number - 1) / chunkSize));
  const recipient = part[(number - 1) % chunkSize] as Recipient;
  return { content, preview: { recipient, ...mergeOf(content).previewFor(recipient) } };
}

async function verified({ objects }: ReadDeps, key: string, expected: string, field: string): Promise<string> {
  const bytes = await objects.get(key);
  if (!bytes) throw wrongField('ManifestMissing', field, 'an object of the campaign is gone');
  const isErased = async () => key.endsWith('.ndjson') && ERASED in ((await objects.read?.(key))?.metadata ?? {});
  if (sha256(bytes) !== expected && !(await isErased()))
    throw wrongField('ManifestChanged', field, 'an object of the campaign was changed after it was accepted');
  return Buffer.from(bytes).toString('utf8');
}

/**
 * Tells whether a text comes for the first time. A Set of a million addresses takes over 100 MB. This keeps 64 bits of
 * SHA-256, two to four words each: two of a million addresses collide once in forty million campaigns.
 */
export function firstTimes(): (text: string) => boolean {
  let table = new BigUint64Array(2 ** 12);
  let count = 0;
  /** Returns whether the hash is new. Zero is an empty slot, which no hash is. */
  const add = (value: bigint): boolean => {
    let at = Number(value % BigInt(table.length));
    while (table[at] !== 0n && table[at] !== value) at = (at + 1) % table.length;
    const isNew = table[at] === 0n;
    table[at] = value;
    return isNew;
  };
  return (text) => {
    if (count > table.length / 2) {
      const before = table;
      table = new BigUint64Array(2 * before.length);
      for (const value of before) if (value > 0n) add(value);
    }
    const isNew = add(BigInt(`0x${hash('sha256', text, 'hex').slice(0, 16)}`));
    if (isNew) count += 1;
    return isNew;
  };
}

interface Given {
  campaign: string;
  content: CampaignContent;
  recipients: AsyncIterable<Read>;
  chunkSize: number;
  /** In percent of all. With more rejected recipients, the list is refused. Repeated ones do not count. */
  mostRejected?: number;
}

/** Why recipients were rejected, how many, and the first ten lines. */
export interface Rejection {
  reason: string;
  count: number;
  lines: number[];
}

const REJECTED_PART = 5_000;
const MOST_LACKING = 10;

/**
 * Writes a campaign's recipients to the bucket, one part per chunk, in bounded memory. The manifest comes last, so nothing
 * can be sent before. Throws an InvalidRecipientsError if none is valid, or if one lacks a value for a placeholder.
 */
export async function writeManifest(
  { objects, prefix }: { objects: Pick<Objects, 'put'>; prefix: string },
  given: Given,
) {
  const { campaign, content, chunkSize } = given;
  const keys = campaignKeys(prefix, campaign);
  const { parts, refused, bodies, total } = sortRecipients(given, keys);
  const write = async () => {
    // After a failure, the loop ends the generator also for the others.
    for await (const { key, body } of bodies) await objects.put(key, body, 'application/x-ndjson');
  };
  // To limit memory, parts that are written at the same time hold about a thousand recipients together.
  const atOnce = Math.min(16, Math.ceil(1_000 / chunkSize));
  await Promise.all(Array.from({ length: atOnce }, write));
  const counts = total();

  const contentJson = JSON.stringify(content);
  const manifest: Manifest = { manifest: 1, campaign, content: sha256(contentJson), parts: parts.hashes };
  const json = JSON.stringify(manifest);
  const key = keys.manifest(sha256(json));
  await objects.put(keys.content(manifest.content), contentJson, 'application/json');
  await objects.put(key, json, 'application/json');
  return {
    manifest: { key, sha256: sha256(json) },
    ...counts,
    recipients: parts.count(),
    chunks: parts.hashes.length,
    /** The keys of the rejected recipients, with their reasons and lines (NDJSON). */
    rejectedKeys: refused.hashes.map((hash, number) => keys.rejected(number, hash)),
    /** Follows from content and recipients, in any order and in chunks of any size. */
    list: `${manifest.content} ${parts.sum()}`,
  };
}

/** Sorts recipients into those of the chunks and the refused ones. `bodies`: the objects to write, while it reads. */
function sortRecipients(given: Given, keys: ReturnType<typeof campaignKeys>) {
  const { content, recipients, chunkSize, mostRejected = 100 } = given;
  const parts = partsOf(chunkSize, keys.part);
  const refused = partsOf(REJECTED_PART, keys.rejected);
  const check = recipientCheck(content);
  const isNew = firstTimes();
  const reasons = new Map<string, Rejection>();
  const lacking = lackingValues();
  let [requested, duplicates, leftOut] = [0, 0, 0];

  const add = (read: Read) => {
    const checked = 'broken' in read ? { reason: read.broken } : check(read.value);
    if ('missing' in checked) lacking.add(`line ${read.line} {{${checked.missing}}}`);
    // Nothing more is stored of a list that will be refused.
    if ('missing' in checked || lacking.any()) return false;
    if ('reason' in checked) {
      const known = reasons.get(checked.reason) ?? { reason: checked.reason, count: 0, lines: [] };
      if (++known.count <= MOST_LACKING) known.lines.push(read.line);
      reasons.set(checked.reason, known);
      return refused.add(rejection(read, checked.reason));
    }
    leftOut += checked.leftOut;
    if (isNew(checked.recipient.email.toLowerCase())) return parts.add(checked.recipient);
    duplicates += 1;
    return refused.add(rejection(read, 'email: is there already'));
  };
  async function* full() {
    for await (const read of recipients) {
      requested += 1;
      if (add(read)) yield* [...parts.full(), ...refused.full()];
    }
    if (!lacking.any()) yield* [...parts.full(1), ...refused.full(1)];
  }

  /** Throws if the list cannot be sent. */
  const total = () => {
    lacking.refuse();
    if (requested === 0) throw new InvalidRecipientsError('must have at least 1 recipient');
    if (parts.count() === 0)
      throw new InvalidRecipientsError(`must have at least 1 valid recipient, but ${requested} are invalid`);
    const rejected = refused.count() - duplicates;
    const rejections = [...reasons.values()].sort((a, b) => b.count - a.count);
    if (rejected * 100 > requested * mostRejected)
      throw new InvalidRecipientsError(tooMany(rejected, requested, rejections));
    return { requested, duplicates, rejected, rejections, leftOut };
  };

  return { parts, refused, bodies: full(), total };
}

function tooMany(rejected: number, requested: number, rejections: readonly Rejection[]): string {
  const first = rejections.slice(0, 3).map(({ reason, count, lines }) => `${reason} (${count}, line ${lines[0]})`);
  return `${rejected} of ${requested} lines were rejected, more than the call allows (mostRejected): ${first.join('; ')}`;
}

/** Counts the recipients who lack a value for a placeholder, and keeps the first ten of them for the refusal. */
function lackingValues() {
  const first: string[] = [];
  let count = 0;
  return {
    add: (which: string) => ++count <= MOST_LACKING && first.push(which),
    any: () => count > 0,
    refuse() {
      const lines = counted(count, 'line has', 'lines have');
      const named = [...first, ...(count > MOST_LACKING ? ['…'] : [])].join(', ');
      const rule = 'need a value for each placeholder without a fallback';
      if (count > 0) throw new InvalidRecipientsError(`${rule}. ${lines} none: ${named}`);
    },
  };
}

/** What the campaign's owner needs to fix a rejected recipient: line, reason, and the address if there is one. */
function rejection(read: Read, reason: string) {
  const email = 'value' in read ? (read.value as { email?: unknown } | null)?.email : undefined;
  return { line: read.line, ...(typeof email === 'string' ? { email: email.slice(0, 254) } : {}), reason };
}

/** Collects entries as NDJSON, in objects of `size` entries whose keys contain their hashes. */
function partsOf(size: number, keyOf: (number: number, sha: string) => string) {
  const hashes: string[] = [];
  let lines: string[] = [];
  let count = 0;
  let sum = 0n;
  return {
    hashes,
    count: () => count,
    /** Of the hashes of all entries, so that their order does not matter. */
    sum: () => sum,
    add(entry: object): boolean {
      count += 1;
      const line = `${JSON.stringify(entry)}\n`;
      sum += BigInt(`0x${hash('sha256', line, 'hex')}`);
      return lines.push(line) >= size;
    },
    /** The object to write, if there are enough entries for it. */
    full(least = size): { key: string; body: Uint8Array }[] {
      if (lines.length < least) return [];
      const body = Buffer.from(lines.join(''));
      lines = [];
      const sha = sha256(body);
      return [{ key: keyOf(hashes.push(sha) - 1, sha), body }];
    },
  };
}
