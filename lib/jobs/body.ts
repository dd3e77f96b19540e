import { PermanentError } from '../errors';
import type { Objects } from '../ports';
import { parseEnvelope, payloadHash, sha256 } from './envelope';
import { bodyKey } from './keys';
import type { JobRow } from './row';
import { ANY_PAYLOAD } from './row-schema';

interface Deps {
  objects: Objects;
  prefix: string;
}

/** The body of a DLQ entry whose kept body is gone or damaged. The entry still tells the reason. */
export const GONE = JSON.stringify({ body: 'gone' });

export const bodyMissing = (): PermanentError =>
  new PermanentError({ code: 'BodyMissing', message: 'the kept body is gone from the bucket' });
export const bodyDamaged = (): PermanentError =>
  new PermanentError({
    code: 'BodyDamaged',
    message: 'body: must be the body that the job was sent with',
    field: 'body',
  });

/** Whether a body with this hash is the job's. Without a hash, the message names the job. */
export const belongs = ({ payloadHash }: Pick<JobRow, 'payloadHash'>, hash: string | undefined): boolean =>
  payloadHash === ANY_PAYLOAD || hash === undefined || hash === payloadHash;

/** Whether a body is the job's. An invalid body has its own hash, and a job's body the hash of its data. */
export function isBodyOf(body: string, row: Pick<JobRow, 'payloadHash'>): boolean {
  if (sha256(body) === row.payloadHash) return true;
  try {
    return belongs(row, payloadHash(parseEnvelope(body)));
  } catch {
    return false;
  }
}

/** Keeps a job's body in the bucket. A lost body does not replace what is left of it. */
export async function keepBody({ objects, prefix }: Deps, { queue, id }: Pick<JobRow, 'queue' | 'id'>, body: string) {
  if (body !== GONE) await objects.put(bodyKey(prefix, queue, id), body, 'application/json');
}

/** The kept body of a job, or what is wrong with it. */
export async function keptBody(
  { objects, prefix }: Deps,
  row: Pick<JobRow, 'queue' | 'id' | 'payloadHash'>,
): Promise<{ body: string; problem?: never } | { body?: never; problem: PermanentError }> {
  const bytes = await objects.get(bodyKey(prefix, row.queue, row.id));
  if (!bytes) return { problem: bodyMissing() };
  const body = Buffer.from(bytes).toString('utf8');
  return isBodyOf(body, row) ? { body } : { problem: bodyDamaged() };
}
