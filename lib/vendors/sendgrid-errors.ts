import { z } from 'zod';
import { JobError, PermanentError } from '../errors';
import { type HttpAnswer, NoAnswer, NotOk } from './http';
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

/** SendGrid has taken nothing of a request, because of these of its recipients and nothing else. */
export class RecipientsRefusedError extends PermanentError {
  /** Places in the request, from 0, in order. */
  readonly recipients: readonly number[];

  constructor({ code, message, field, status }: JobError, recipients: readonly number[]) {
    super({ code, message, vendor: 'sendgrid', ...(field ? { field } : {}), ...(status ? { status } : {}) });
    this.recipients = recipients;
  }
}

const errorList = z.object({ errors: z.array(z.object({ field: z.string() })).min(1) });
/** `personalizations.3.to`, `personalizations.3.to.0.email`: the address of one recipient and nothing else of them. */
const ADDRESS_OF = /^personalizations\.(\d{1,3})\.to(\.|$)/;

/** The recipients whose addresses an answer complains about; none where it complains about anything else as well. */
function refusedAddresses(body: unknown): number[] {
  const parsed = errorList.safeParse(body);
  if (!parsed.success) return [];
  const places = parsed.data.errors.map(({ field }) => ADDRESS_OF.exec(field)?.[1]);
  if (places.some((place) => place === undefined)) return [];
  return [...new Set(places.map(Number))].sort((a, b) => a - b);
}

/** What a failed send means, `now` in milliseconds since 1970. */
export function translate(error: unknown, now: number): JobError {
  if (error instanceof JobError) return error;
  if (error instanceof NoAnswer) return silence({ dialect: sendgrid, error, effect: 'once' });
  if (error instanceof NotOk) return refused(error.answer, now);
  // The client rejects with nothing else, so this is the library refusing the mail before it was sent. Its own words
  // may quote the mail.
  return new PermanentError({ code: 'SendgridInvalidMail', message: 'the mail cannot be formed', vendor: 'sendgrid' });
}

function refused(answer: HttpAnswer, now: number): JobError {
  const error = refusal({ dialect: sendgrid, answer, effect: 'once', now });
  const recipients = answer.status === 400 ? refusedAddresses(answer.body) : [];
  return recipients.length > 0 ? new RecipientsRefusedError(error, recipients) : error;
}
