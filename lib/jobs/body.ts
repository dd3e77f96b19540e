import { PermanentError } from '../errors';
import type { Objects } from '../ports';
import { parseEnvelope, payloadHash, sha256 } from './envelope';
import { bodyKey } from './keys';
import type { JobRow } from './row';

interface Deps {
  objects: Objects;
  prefix: string;
}

/** The body of a DLQ entry whose kept body is gone. The entry still tells the reason. */
export const GONE = JSON.stringify({ body: 'gone' });

/** Replaces a body that does not fit into a message together with its attributes. The body is kept in S3. */
export const STAND_IN = JSON.stringify({ body: 'kept' });

export const bodyMissing = (): PermanentError =>
  new PermanentError({ code: 'BodyMissing', message: 'the body that the job was sent with is gone from the bucket' });

/** Whether a body with this hash is the job's. Without a hash, the message names the job. */
export const belongs = ({ payloadHash }: Pick<JobRow, 'payloadHash'>, hash: string | undefined): boolean =>
  hash === undefined || hash === payloadHash;

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

/** The kept body of a job. `undefined`: it is gone, or another one lies in its place. */
export async function keptBody(
  { objects, prefix }: Deps,
  row: Pick<JobRow, 'queue' | 'id' | 'payloadHash'>,
): Promise<string | undefined> {
  const bytes = await objects.get(bodyKey(prefix, row.queue, row.id));
  const body = bytes && Buffer.from(bytes).toString('utf8');
  return body !== undefined && isBodyOf(body, row) ? body : undefined;
}
