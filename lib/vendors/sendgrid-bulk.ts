import type mail from '@sendgrid/mail';
import { PermanentError } from '../errors';
import type { CallOptions } from './zendesk';

/** One mail to many people in one request: each gets a mail of their own and sees nobody else. */
export interface BulkMail {
  from: { email: string; name?: string | undefined };
  replyTo?: { email: string; name?: string | undefined } | undefined;
  /** A dynamic template, `d-…`; without it `subject` and a text are needed. */
  templateId?: string | undefined;
  subject?: string | undefined;
  text?: string | undefined;
  html?: string | undefined;
  /** At most ten, no personal data. */
  categories: string[];
  /** SendGrid's unsubscribe group. */
  unsubscribe?: { group: number; groupsToDisplay?: number[] | undefined } | undefined;
  /** 1 to 1000, no address twice: SendGrid refuses the whole request for one duplicate. */
  recipients: BulkRecipient[];
}

export interface BulkRecipient {
  email: string;
  name?: string | undefined;
  /** With a dynamic template its data; else words that stand for `{{name}}` in subject and text. */
  data?: Record<string, unknown> | undefined;
  /** Come back with every event about this mail. No personal data: SendGrid keeps them in the clear. */
  customArgs: Record<string, string>;
  /** Of the mail itself, e.g. `List-Unsubscribe`. */
  headers?: Record<string, string> | undefined;
}

export interface BulkSendgrid {
  /**
   * `accepted`: SendGrid has taken over all of them; a request is never accepted in part. There is no idempotency:
   * after an AmbiguousError only events can tell. Rejects with a JobError that names no value.
   */
  sendBulk(mail: BulkMail, options: CallOptions): Promise<{ messageId?: string; accepted: boolean }>;
}

const MOST_RECIPIENTS = 1000;

/** The library's form of it, always new objects, since the library writes into what it is given. */
export function bulkMailData(content: BulkMail): Parameters<typeof mail.send>[0] {
  const { from, replyTo, templateId, subject, text, html, categories, unsubscribe, recipients } = content;
  const dynamic = templateId !== undefined;
  refuse(recipients.length === 0, 'recipients', 'must be at least 1');
  refuse(recipients.length > MOST_RECIPIENTS, 'recipients', `must be at most ${MOST_RECIPIENTS}`);
  refuse(
    dynamic && !templateId.startsWith('d-'),
    'templateId',
    'must begin with d-, else data would be dropped silently',
  );
  return {
    from,
    categories: [...categories],
    personalizations: recipients.map(({ email, name, data, customArgs, headers }) => ({
      to: name === undefined ? { email } : { email, name },
      customArgs: { ...customArgs },
      ...(headers ? { headers: { ...headers } } : {}),
      ...(data && dynamic ? { dynamicTemplateData: structuredClone(data) } : {}),
      ...(data && !dynamic ? { substitutions: words(data) } : {}),
    })),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(dynamic ? { templateId } : {}),
    ...(subject === undefined ? {} : { subject }),
    ...(text === undefined ? {} : { text }),
    ...(html === undefined ? {} : { html }),
    ...(unsubscribe ? { asm: asm(unsubscribe) } : {}),
    // One of text, html and templateId is there, or SendGrid says no: the library's type cannot follow that.
  } as Parameters<typeof mail.send>[0];
}

const words = (data: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(Object.entries(data).map(([name, value]) => [name, String(value)]));

const asm = ({ group, groupsToDisplay }: NonNullable<BulkMail['unsubscribe']>) => ({
  groupId: group,
  ...(groupsToDisplay ? { groupsToDisplay: [...groupsToDisplay] } : {}),
});

function refuse(wrong: boolean, field: string, rule: string): void {
  if (wrong)
    throw new PermanentError({ code: 'InvalidField', message: `${field}: ${rule}`, field, vendor: 'sendgrid' });
}
