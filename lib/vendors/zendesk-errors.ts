import { z } from 'zod';
import { AmbiguousError, JobError } from '../errors';
import { type HttpAnswer, NoAnswer, NotOk } from './http';
import { type Dialect, type Effect, fieldName, malformed, refusal, silence } from './translate';

/** The Idempotency-Key was used with another body: a ticket exists already, and is to be looked up. */
export class IdempotencyMismatch extends AmbiguousError {
  constructor() {
    super({
      code: 'IdempotentRequestError',
      message: 'the job made a ticket before, from another body',
      vendor: 'zendesk',
      status: 400,
    });
  }
}

export const zendesk: Dialect = {
  vendor: 'zendesk',
  prefix: 'Zendesk',
  // None by itself: a 503 is known to have done nothing only where it carries Retry-After (a WaitError).
  refused: new Set(),
  doubtful: new Set([408, 409]),
  // The paths are fixed, so a missing one is a wrong or closed subdomain.
  aboutUs: new Set([402, 404, 405]),
  // The secret travels in base64; what else is in a header is the job's.
  unsendable: 'job',
  field: (body) => {
    const parsed = z.object({ details: z.record(z.string(), z.unknown()) }).safeParse(body);
    return parsed.success ? fieldName(Object.keys(parsed.data.details)[0]) : undefined;
  },
};

/** What a failed call to Zendesk means, `now` in milliseconds since 1970. */
export function translate(error: unknown, effect: Effect, now: number): JobError {
  if (error instanceof JobError) return error;
  if (error instanceof NoAnswer) return silence({ dialect: zendesk, error, effect });
  // Anything else is the library stumbling over what it was answered.
  if (!(error instanceof NotOk)) return malformed({ dialect: zendesk, effect });
  if (effect === 'once' && error.answer.status === 400) {
    if (isMismatch(error.answer)) return new IdempotencyMismatch();
    if (error.answer.body === undefined) return malformed({ dialect: zendesk, effect, status: 400 });
  }
  return refusal({ dialect: zendesk, answer: error.answer, effect, now });
}

/** Zendesk gives the name as `error` or as its `title`; as a value it can stand nowhere else. */
const isMismatch = ({ body }: HttpAnswer): boolean => /"IdempotentRequestError"/.test(JSON.stringify(body ?? null));
