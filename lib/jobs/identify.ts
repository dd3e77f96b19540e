import { IdTakenError, PermanentError } from '../errors';
import type { Objects, ReceivedMessage } from '../ports';
import { bodyMissing, GONE, STAND_IN } from './body';
import { type Envelope, parseEnvelope, payloadHash, sha256 } from './envelope';
import { bodyKey, invalidId, isInvalidId } from './keys';
import { ATTRIBUTE } from './park';

/** The job of a delivery, before its data is validated. */
export interface Resolved {
  id: string;
  /** The whole body. It comes from S3 if the message carried a stand-in. */
  body: string;
  /** Missing if the job's kept body is gone, so that only the message's attribute names the job. */
  payloadHash?: string;
  envelope?: Envelope;
  /** Why the body is not a job. */
  problem?: PermanentError;
  /** The envelope of a body whose id belongs to a job with other data (see `disowned`). */
  alleged?: Envelope;
  /** Only an attribute says which job it is: the body is a stand-in, gone or no event. */
  named?: true;
  token?: string;
}

/**
 * Finds the job of a message. A body without a valid envelope becomes a job too, with an id that is made from the
 * message id. An attribute keeps that id through the DLQ and back.
 */
export async function resolve(
  { objects, prefix, queue }: { objects: Objects; prefix: string; queue: string },
  message: Pick<ReceivedMessage, 'messageId' | 'body' | 'attributes'>,
): Promise<Resolved> {
  const { attributes } = message;
  const job = namedJob(attributes);
  const token = matching(RANDOM, attributes[ATTRIBUTE.token]);
  const ours = token === undefined ? {} : { token };
  let { body } = message;
  const named = job !== undefined && (body === STAND_IN || body === GONE);
  if (named) {
    const kept = body === GONE ? undefined : await objects.get(bodyKey(prefix, queue, job));
    if (!kept) return withoutBody({ id: job, ...ours });
    body = Buffer.from(kept).toString('utf8');
  }
  const by = named ? { ...ours, named } : ours;
  try {
    const envelope = parseEnvelope(body, { job });
    const resolved = { id: envelope.id, body, envelope, payloadHash: payloadHash(envelope), ...by };
    // Before it was parked, this body was found not to belong to the job of its id. That still holds.
    return job && isInvalidId(job) ? { ...disowned(resolved, job), ...ours, named: true } : resolved;
  } catch (error) {
    const own = job !== undefined && isInvalidId(job);
    if (named && !own) return withoutBody({ id: job, ...ours });
    const invalid = { body, payloadHash: sha256(body), problem: asProblem(error) };
    return own ? { id: job, ...invalid, ...ours, named: true } : { id: invalidId(message.messageId), ...invalid };
  }
}

/** The ids and randoms that this code gives jobs. Any sender can write the attributes: other text there is nothing. */
const OWN_ID = /^(invalid\/)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const RANDOM = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const matching = (form: RegExp, given: string | undefined): string | undefined =>
  given !== undefined && form.test(given) ? given : undefined;

export const namedJob = (attributes: Record<string, string>): string | undefined =>
  matching(OWN_ID, attributes[ATTRIBUTE.job]);

/** The body's id already belongs to a job with other data. This body gets its own id and row. */
export function disowned({ body, envelope, alleged = envelope }: Resolved, id: string): Resolved {
  return { id, body, payloadHash: sha256(body), problem: new IdTakenError(), ...(alleged && { alleged }) };
}

/** Older code has parked this body. It keeps its row and must not run, because newer code may have run its job. */
export const onceInvalid = (): PermanentError =>
  new PermanentError({ code: 'InvalidEnvelope', message: 'the message was not valid when it came: send it again' });

/** The job that a message names, although the job's body is lost. A run of the job parks it. */
export const withoutBody = ({ id, token }: Pick<Resolved, 'id' | 'token'>): Resolved => ({
  ...{ id, body: GONE, problem: bodyMissing(), named: true },
  ...(token === undefined ? {} : { token }),
});

export function asProblem(error: unknown): PermanentError {
  if (error instanceof PermanentError) return error;
  // JSON.stringify recurses, so a RangeError here means a body that is nested too deeply.
  return new PermanentError({ code: 'TooDeep', message: 'the message body is nested too deeply', field: 'data' });
}
