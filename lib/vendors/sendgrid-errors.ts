import { z } from 'zod';
import { JobError, PermanentError } from '../errors';
import { NoAnswer, NotOk } from './http';
import { type Dialect, fieldName, refusal, silence } from './translate';

export const sendgrid: Dialect = {
  vendor: 'sendgrid',
  prefix: 'Sendgrid',
  // 502 and 504 come from an edge that had passed the request on, and so does 408.
  refused: new Set([500, 503]),
  doubtful: new Set([408]),
  aboutUs: new Set([402, 405]),
  // The key is the only thing in a header that is not ours.
  unsendable: 'us',
  field: (body) => {
    const parsed = z.object({ errors: z.array(z.object({ field: z.unknown() })) }).safeParse(body);
    return parsed.success ? fieldName(parsed.data.errors[0]?.field) : undefined;
  },
};

/** What a failed send means, `now` in milliseconds since 1970. */
export function translate(error: unknown, now: number): JobError {
  if (error instanceof JobError) return error;
  if (error instanceof NoAnswer) return silence({ dialect: sendgrid, error, effect: 'once' });
  if (error instanceof NotOk) return refusal({ dialect: sendgrid, answer: error.answer, effect: 'once', now });
  // The client rejects with nothing else, so this is the library refusing the mail before it was sent. Its own words
  // may quote the mail.
  return new PermanentError({ code: 'SendgridInvalidMail', message: 'the mail cannot be formed', vendor: 'sendgrid' });
}
