import type mail from '@sendgrid/mail';
import { PermanentError } from '../errors';
import { plainText } from '../text';
import type { CallOptions } from './credentials';
import { wordsFor } from './sendgrid-words';

/** One mail to many people in one request. Each gets a separate mail and sees no other recipient. */
export interface BulkMail {
  from: { email: string; name?: string | undefined };
  replyTo?: { email: string; name?: string | undefined } | undefined;
  /** A dynamic template, `d-…`. Without it `subject` and a text are required. */
  templateId?: string | undefined;
  subject?: string | undefined;
  text?: string | undefined;
  html?: string | undefined;
  /** At most ten, no personal data. */
  categories: string[];
  /** SendGrid's unsubscribe group. */
  unsubscribe?: { group: number; groupsToDisplay?: number[] | undefined } | undefined;
  /** 1 to 1000 recipients. SendGrid refuses the whole request if one address comes twice. */
  recipients: BulkRecipient[];
}

export interface BulkRecipient {
  email: string;
  name?: string | undefined;
  /** The data of a dynamic template. Without one, the words that replace `{{name}}` in subject and text. */
  data?: Record<string, unknown> | undefined;
  /** SendGrid returns them with every event about this mail. No personal data, because it stores them in clear text. */
  customArgs: Record<string, string>;
  /** Headers of the mail itself, e.g. `List-Unsubscribe`. */
  headers?: Record<string, string> | undefined;
}

export interface BulkSendgrid {
  /**
   * `accepted` means that SendGrid took all mails, because it never accepts a request in part. SendGrid has no
   * idempotency: after an AmbiguousError only its events show what happened. Rejects with a JobError that names no value.
   */
  sendBulk(mail: BulkMail, options: CallOptions): Promise<{ messageId?: string; accepted: boolean }>;
}

const MOST_RECIPIENTS = 1000;

/**
 * The mail in the library's form. All objects are new, because the library changes its input. `instance` travels with
 * each mail.
 */
export function bulkMailData(content: BulkMail, instance: string): Parameters<typeof mail.send>[0] {
  const { from, replyTo, templateId, subject, text, categories, unsubscribe, recipients } = content;
  const dynamic = templateId !== undefined;
  refuse(recipients.length === 0, 'recipients', 'must be at least 1');
  refuse(recipients.length > MOST_RECIPIENTS, 'recipients', `must be at most ${MOST_RECIPIENTS}`);
  refuse(
    dynamic && !templateId.startsWith('d-'),
    'templateId',
    'must begin with d-, or SendGrid drops the data silently',
  );
  const people = recipients.map(({ data }) => data);
  const { words, html } = dynamic ? { words: [], html: content.html } : wordsFor(content, people);
  return {
    from,
    categories: [...categories],
    personalizations: recipients.map(({ email, name, data, customArgs, headers }, number) => ({
      to: name === undefined ? { email } : { email, name: plainText(name) },
      customArgs: { ...customArgs, instance },
      ...(headers ? { headers: { ...headers } } : {}),
      ...(data && dynamic ? { dynamicTemplateData: structuredClone(data) } : {}),
      ...(words[number] ? { substitutions: words[number] } : {}),
    })),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(dynamic ? { templateId } : {}),
    ...(subject === undefined ? {} : { subject }),
    ...(text === undefined ? {} : { text }),
    ...(html === undefined ? {} : { html }),
    ...(unsubscribe ? { asm: asm(unsubscribe) } : {}),
    // The library's type requires text, html or templateId. SendGrid refuses a mail without any of them.
  } as Parameters<typeof mail.send>[0];
}

const asm = ({ group, groupsToDisplay }: NonNullable<BulkMail['unsubscribe']>) => ({
  groupId: group,
  ...(groupsToDisplay ? { groupsToDisplay: [...groupsToDisplay] } : {}),
});

function refuse(wrong: boolean, field: string, rule: string): void {
  if (wrong)
    throw new PermanentError({ code: 'InvalidField', message: `${field}: ${rule}`, field, vendor: 'sendgrid' });
}
