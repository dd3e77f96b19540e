import { IdTakenError, PermanentError } from '../errors';
import type { Objects, ReceivedMessage } from '../ports';
import { type Envelope, parseEnvelope, payloadHash, sha256 } from './envelope';
import { bodyKey, invalidId, isInvalidId } from './keys';
import { ATTRIBUTE } from './park';

/** What a delivery is about, before its data is looked at. */
export interface Resolved {
  id: string;
  /** The whole body, brought back from S3 where the message carried a stand-in. */
  body: string;
  payloadHash: string;
  envelope?: Envelope;
  /** Why it is no job. */
  problem?: PermanentError;
  /** The job that a disowned body says it is. */
  alleged?: Envelope;
}

/**
 * A body with a valid envelope is a job; anything else becomes one of its own, named by its message, which it keeps
 * through the DLQ and back by an attribute.
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
    // It was told from the job that its id names before it was parked: brought back, it is still not that job.
    return named && isInvalidId(named) ? disowned(resolved, named) : resolved;
  } catch (error) {
    const id = named && isInvalidId(named) ? named : invalidId(message.messageId);
    return { id, body, payloadHash: sha256(body), problem: asProblem(error) };
  }
}

/** A body whose id is taken by a job with other data: it gets a row of its own, and the other's stays as it is. */
export function disowned({ body, envelope, alleged = envelope }: Resolved, id: string): Resolved {
  return { id, body, payloadHash: sha256(body), problem: new IdTakenError(), ...(alleged && { alleged }) };
}

function asProblem(error: unknown): PermanentError {
  if (error instanceof PermanentError) return error;
  // JSON.stringify recurses: a RangeError here is a body nested beyond any use.
  return new PermanentError({ code: 'TooDeep', message: 'the message body is nested too deeply', field: 'data' });
}
