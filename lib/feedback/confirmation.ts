import { FEEDBACK_QUEUE } from '../jobs/keys';
import { traceOf } from '../jobs/row';
import { plainText } from '../text';
import type { Mail } from '../vendors/sendgrid';
import { mailArgs } from '../worker/mail';
import type { FeedbackJob } from './ticket';

export interface ConfirmationConfig {
  from: { email: string; name?: string };
  /** A dynamic template of SendGrid. Without one the mail has the built-in text. */
  templateId?: string | undefined;
  /** Templates by language tag in lower case. Without an entry for the user's language, `templateId` counts. */
  templates?: ReadonlyMap<string, string>;
  /** The name in the built-in text. */
  brand: string;
}

/**
 * The mail that confirms a user's feedback. Without a user id, anyone may have written the feedback under this address.
 * Then the mail repeats neither name nor subject, so that it cannot carry a stranger's words in our name.
 */
export function confirmationOf(
  { id, data, row }: FeedbackJob,
  ticketId: string,
  { from, brand, ...config }: ConfirmationConfig,
): Mail {
  const { user, locale } = data;
  const known = user.id !== undefined;
  const name = known && user.name !== undefined ? plainText(user.name) : undefined;
  const subject = known ? plainText(data.subject) : undefined;
  const templateId = templateFor(locale, config);
  const customArgs = { ...mailArgs({ id, queue: FEEDBACK_QUEUE, time: row.time }), ...traceOf(row) };
  const recipient = { email: user.email, name, customArgs };
  const categories = ['feedback-confirmation'];
  if (templateId !== undefined) {
    const words = { name: name ?? '', subject: subject ?? '', ticketId, brand };
    return { from, categories, templateId, recipients: [{ ...recipient, data: words }] };
  }
  return {
    from,
    categories,
    recipients: [recipient],
    subject: subject === undefined ? 'We have received your feedback' : `We have received your feedback: ${subject}`,
    text: [
      name === undefined ? 'Hello,' : `Hello ${name},`,
      `Thank you for your feedback. ${brand} has received it under the number ${ticketId}.`,
      ...(subject === undefined ? [] : [`Your subject: ${subject}`]),
    ].join('\n\n'),
  };
}

/** The template of the user's language: the most exact tag that has one, as RFC 4647 ("Lookup") demands. */
function templateFor(
  locale: string | undefined,
  { templateId, templates }: Pick<ConfirmationConfig, 'templateId' | 'templates'>,
): string | undefined {
  const parts = locale?.toLowerCase().split('-') ?? [];
  const tags = parts.map((_part, index) => parts.slice(0, parts.length - index).join('-'));
  const tag = tags.find((one) => templates?.has(one));
  return tag === undefined ? templateId : templates?.get(tag);
}
