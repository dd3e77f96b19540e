import * as z from 'zod';
import { AmbiguousError, JobError } from '../errors';
import { type HttpAnswer, NoAnswer, NotOk } from './http';
import { type Dialect, type Effect, fieldName, malformed, refusal, unanswered } from './translate';

/** The Idempotency-Key was used with another body. So a ticket exists, and the worker has to look it up. */
class IdempotencyMismatch extends AmbiguousError {
  constructor() {
    super({
      code: 'IdempotentRequestError',
      message: 'the job already created a ticket with another body',
      vendor: 'zendesk',
      status: 400,
    });
  }
}

export const zendesk: Dialect = {
  vendor: 'zendesk',
  prefix: 'Zendesk',
  // No status alone proves it. A 503 had no effect only if it carries Retry-After, which makes it a WaitError.
  refused: new Set(),
  doubtful: new Set([408, 409]),
  // The paths are fixed, so a 404 means a wrong or closed subdomain.
  aboutUs: new Set([402, 404, 405]),
  // The secret is sent in base64, so only a value of the job can break a header.
  unsendable: 'job',
  field: (body) => {
    const parsed = z.object({ details: z.record(z.string(), z.unknown()) }).safeParse(body);
    return parsed.success ? fieldName(Object.keys(parsed.data.details)[0]) : undefined;
  },
};

/** Our error for a failed call to Zendesk. `now` is in milliseconds since 1970. */
export function translate(error: unknown, effect: Effect, now: number): JobError {
  if (error instanceof JobError) return error;
  if (error instanceof NoAnswer) return unanswered({ dialect: zendesk, error, effect });
  // Any other error comes from the library, which could not read the answer.
  if (!(error instanceof NotOk)) return malformed({ dialect: zendesk, effect });
  if (effect === 'once' && error.answer.status === 400) {
    if (isMismatch(error.answer)) return new IdempotencyMismatch();
    if (error.answer.body === undefined) return malformed({ dialect: zendesk, effect, status: 400 });
  }
  return refusal({ dialect: zendesk, answer: error.answer, effect, now });
}

/** Zendesk puts the name into `error` or into its `title`, and the name appears nowhere else as a value. */
const isMismatch = ({ body }: HttpAnswer): boolean => /"IdempotentRequestError"/.test(JSON.stringify(body ?? null));
