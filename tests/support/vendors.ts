import { inspect } from 'node:util';
import type { Mail, MailRecipient } from '../../lib/mail/sendgrid';
import { JobError } from '../../lib/platform/errors';
import type { Secret } from '../../lib/platform/ports';
import type { Ticket } from '../../lib/queues/feedback/zendesk';
import { PATIENCE_MS } from './patience.cjs';

/** For a call that ends by itself. */
export const PATIENT = { timeoutMs: PATIENCE_MS };

const JOB = '0190a1b2-0000-7000-8000-000000000001';

export const aTicket = (changes: Partial<Ticket> = {}): Ticket => ({
  external_id: JOB,
  subject: 'The export is empty',
  comment: { body: 'It was not empty yesterday.' },
  requester: { name: 'A User', email: 'user@example.com' },
  tags: ['feedback'],
  ...changes,
});

export const aMail = (person: Partial<MailRecipient> = {}, changes: Partial<Mail> = {}): Mail => ({
  from: { email: 'support@example.com', name: 'Support' },
  subject: 'We got your feedback',
  text: 'Thank you.',
  categories: ['feedback'],
  recipients: [{ email: 'user@example.com', name: 'A User', customArgs: { job: JOB }, ...person }],
  ...changes,
});

/** Returns the first value until a caller asks for a fresh one, then the next. `asked` counts the fresh ones. */
export function secretOf(...values: string[]): Secret & { asked: number } {
  const secret = async ({ fresh = false } = {}) => {
    if (fresh) secret.asked += 1;
    return values[Math.min(secret.asked, values.length - 1)] ?? '';
  };
  secret.asked = 0;
  return secret;
}

/** The error of a call. Fails unless it is one of ours. */
export async function caught(call: Promise<unknown>): Promise<JobError> {
  const error = await call.then(
    () => new Error('the call succeeded'),
    (reason: unknown) => reason,
  );
  if (error instanceof JobError) return error;
  throw new Error('not a JobError', { cause: error });
}

/**
 * Makes a call that only its time-out ends, and again with twice the time until what shall come before the time-out has
 * come. On a busy machine, even the connection takes longer than a short time.
 */
export async function timedOut<T>(call: (timeoutMs: number) => Promise<T>, hasCome: (result: T) => boolean) {
  for (let timeoutMs = 50; ; timeoutMs *= 2) {
    const result = await call(timeoutMs);
    if (hasCome(result) || timeoutMs > 60_000) return result;
  }
}

export const allTextOf = (error: Error): string =>
  [JSON.stringify(error), inspect(error, { depth: 10, showHidden: true, getters: true }), error.stack].join('\n');
