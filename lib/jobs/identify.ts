import { IdTakenError, PermanentError } from '../errors';
import type { Objects, ReceivedMessage } from '../ports';
import { type Envelope, parseEnvelope, payloadHash, sha256 } from './envelope';
import { bodyKey, invalidId, isInvalidId } from './keys';
import { ATTRIBUTE } from './park';

/** The job of a delivery, before its data is validated. */
export interface Resolved {
  id: string;
  /** The whole body. It comes from S3 if the message carried a stand-in. */
  body: string;
  payloadHash: string;
  envelope?: Envelope;
  /** Why the body is not a job. */
  problem?: PermanentError;
  /** The envelope of a disowned body. */
  alleged?: Envelope;
}

/**
 * Finds the job of a message. A body without a valid envelope becomes a job too, with an id that is made from the
 * message id. An attribute keeps that id through the DLQ and back.
 */
export async function resolve(
  { objects, prefix, queue }: { objects: Objects; prefix: string; queue: string },
  message: Pick<ReceivedMessage, 'messageId' | 'body' | 'attributes'>,
): Promise<Resolved> {
  const named = message.attributes[ATTRIBUTE.job];
  let { body } = message;
  if (message.attributes[ATTRIBUTE.body] === 'kept' && named) {
    const kept = await objects.get(bodyKey(prefix, queue, named));
    body = kept ? Buffer.from(kept).toString('utf8') : '';
  }
  try {
    const envelope = parseEnvelope(body);
    const resolved = { id: envelope.id, body, envelope, payloadHash: payloadHash(envelope) };
    // Before it was parked, this body was found not to belong to the job of its id. That still holds.
    return named && isInvalidId(named) ? disowned(resolved, named) : resolved;
  } catch (error) {
    const id = named && isInvalidId(named) ? named : invalidId(message.messageId);
    return { id, body, payloadHash: sha256(body), problem: asProblem(error) };
  }
}

/** A job with other data has the body's id. The body gets its own row, and the other row stays as it is. */
export function disowned({ body, envelope, alleged = envelope }: Resolved, id: string): Resolved {
  return { id, body, payloadHash: sha256(body), problem: new IdTakenError(), ...(alleged && { alleged }) };
}

function asProblem(error: unknown): PermanentError {
  if (error instanceof PermanentError) return error;
  // JSON.stringify recurses, so a RangeError here means a body that is nested too deeply.
  return new PermanentError({ code: 'TooDeep', message: 'the message body is nested too deeply', field: 'data' });
}
