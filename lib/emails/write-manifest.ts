import { sha256 } from '../jobs/envelope';
import type { Objects } from '../ports';
import { seenSet } from './address-set';
import type { RecipientCounts } from './campaigns/campaign';
import { campaignKeys, type Manifest } from './manifest';
import type { CampaignContent } from './message';
import { partWriter } from './part-writer';
import { InvalidRecipientsError, recipientCheck } from './recipient';
import type { Read } from './recipients';

export interface Written extends RecipientCounts {
  manifest: { key: string; sha256: string };
  /** The keys of the rejected recipients, with their reasons and lines (NDJSON). */
  rejectedKeys: string[];
}

const REJECTED_PART = 5_000;

/**
 * Writes a campaign's recipients to the bucket, one part per chunk. The manifest comes last, so nothing can be sent
 * before. Memory is bounded for any number of recipients. Throws an InvalidRecipientsError if none is valid.
 */
export async function writeManifest(
  { objects, prefix }: { objects: Pick<Objects, 'put'>; prefix: string },
  {
    campaign,
    content,
    recipients,
    chunkSize,
  }: { campaign: string; content: CampaignContent; recipients: AsyncIterable<Read[]>; chunkSize: number },
): Promise<Written> {
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
    rejectedKeys: refused.hashes.map((hash, number) => keys.rejected(number, hash)),
  };
}

/** What the campaign's owner needs to fix a rejected recipient: line, reason, and the address if there is one. */
function rejection(read: Read, reason: string) {
  const email = 'value' in read ? (read.value as { email?: unknown } | null)?.email : undefined;
  return { line: read.line, ...(typeof email === 'string' ? { email: email.slice(0, 254) } : {}), reason };
}
