import * as z from 'zod';
import { JobError, PermanentError } from '../errors';
import { type HttpAnswer, NoAnswer, NotOk } from './http';
import { type Dialect, fieldName, refusal, unanswered } from './translate';

export const sendgrid: Dialect = {
  vendor: 'sendgrid',
  prefix: 'Sendgrid',
  // Not 502 and 504: a gateway sends them, and it may have passed the request on. The same goes for 408.
  refused: new Set([500, 503]),
  doubtful: new Set([408]),
  aboutUs: new Set([402, 405]),
  // The headers hold only our own values, such as the key.
  unsendable: 'us',
  field: (body) => {
    const parsed = z.object({ errors: z.array(z.object({ field: z.unknown() })) }).safeParse(body);
    return parsed.success ? fieldName(parsed.data.errors[0]?.field) : undefined;
  },
};

/** SendGrid refused the whole request only because of these recipients. */
export class RecipientsRefusedError extends PermanentError {
  /** Their places in the request, counted from 0, in order. */
  readonly recipients: readonly number[];

  constructor({ code, message, field, status }: JobError, recipients: readonly number[]) {
    super({ code, message, vendor: 'sendgrid', field, status });
    this.recipients = recipients;
  }
}

const errorList = z.object({ errors: z.array(z.object({ field: z.string() })).min(1) });
/** Matches only the address of a recipient: `personalizations.3.to`, `personalizations.3.to.0.email`. */
const ADDRESS_OF = /^personalizations\.(\d{1,3})\.to(\.|$)/;

/** The recipients whose addresses an answer refuses. An empty list if it also refuses anything else. */
function refusedAddresses(body: unknown): number[] {
  const parsed = errorList.safeParse(body);
  if (!parsed.success) return [];
  const places = parsed.data.errors.map(({ field }) => ADDRESS_OF.exec(field)?.[1]);
  if (places.some((place) => place === undefined)) return [];
  return [...new Set(places.map(Number))].sort((a, b) => a - b);
}

/** Our error for a failed send. `now` is in milliseconds since 1970. */
export function translate(error: unknown, now: number): JobError {
  if (error instanceof JobError) return error;
  if (error instanceof NoAnswer) return unanswered({ dialect: sendgrid, error, effect: 'once' });
  if (error instanceof NotOk) return refused(error.answer, now);
  // The client rejects with nothing else, so the library refused the mail before sending. Its text may quote the mail.
  return new PermanentError({ code: 'SendgridInvalidMail', message: 'the mail is not valid', vendor: 'sendgrid' });
}

function refused(answer: HttpAnswer, now: number): JobError {
  const error = refusal({ dialect: sendgrid, answer, effect: 'once', now });
  const recipients = answer.status === 400 ? refusedAddresses(answer.body) : [];
  return recipients.length > 0 ? new RecipientsRefusedError(error, recipients) : error;
}
