import { IdTakenError, PermanentError } from '../errors';
import type { Objects, ReceivedMessage } from '../ports';
import { bodyMissing, GONE } from './body';
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
  /** The message carried a stand-in for the body. */
  standIn?: true;
}

/**
 * Finds the job of a message. A body without a valid envelope becomes a job too, with an id that is made from the
 * message id. An attribute keeps that id through the DLQ and back.
 */
export async function resolve(
  { objects, prefix, queue }: { objects: Objects; prefix: string; queue: string },
  message: Pick<ReceivedMessage, 'messageId' | 'body' | 'attributes'>,
): Promise<Resolved> {
  const named = ownId(message.attributes[ATTRIBUTE.job]);
  let { body } = message;
  if (named && body === GONE) return withoutBody(named, bodyMissing());
  const standIn = message.attributes[ATTRIBUTE.body] === 'kept' && named !== undefined;
  if (standIn) {
    const kept = await objects.get(bodyKey(prefix, queue, named));
    if (!kept) return withoutBody(named, bodyMissing());
    body = Buffer.from(kept).toString('utf8');
  }
  try {
    const envelope = parseEnvelope(body);
    const resolved = {
      ...{ id: envelope.id, body, envelope, payloadHash: payloadHash(envelope) },
      ...(standIn ? { standIn } : {}),
    };
    // Before it was parked, this body was found not to belong to the job of its id. That still holds.
    return named && isInvalidId(named) ? disowned(resolved, named) : resolved;
  } catch (error) {
    if (standIn && !isInvalidId(named)) return withoutBody(named, bodyMissing());
    const id = named && isInvalidId(named) ? named : invalidId(message.messageId);
    return { id, body, payloadHash: sha256(body), problem: asProblem(error) };
  }
}

/** The ids that this code gives to jobs. Any sender can write the attribute, and another text names no job. */
const OWN_ID = /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|invalid\/[\w-]{1,100})$/i;
const ownId = (given: string | undefined): string | undefined =>
  given !== undefined && OWN_ID.test(given) ? given : undefined;

/** The body's id already belongs to a job with other data. This body gets its own id and row. */
export function disowned({ body, envelope, alleged = envelope }: Resolved, id: string): Resolved {
  return { id, body, payloadHash: sha256(body), problem: new IdTakenError(), ...(alleged && { alleged }) };
}

/**
 * Code that did not know this form of an envelope has parked the body. The body keeps its own row and must not run: a
 * worker that knew the form may have run its job.
 */
export const onceInvalid = (): PermanentError =>
  new PermanentError({ code: 'InvalidEnvelope', message: 'the message was not valid when it came: send it again' });

/** The job that a message names, although the job's body is lost. A run of the job parks it. */
export const withoutBody = (id: string, problem: PermanentError): Resolved => ({ id, body: GONE, problem });

function asProblem(error: unknown): PermanentError {
  if (error instanceof PermanentError) return error;
  // JSON.stringify recurses, so a RangeError here means a body that is nested too deeply.
  return new PermanentError({ code: 'TooDeep', message: 'the message body is nested too deeply', field: 'data' });
}
