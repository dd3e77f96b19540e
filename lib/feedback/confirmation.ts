import { mailArgs } from '../jobs/mail';
import type { Mail } from '../vendors/sendgrid';
import { FEEDBACK_QUEUE, type Feedback } from './message';

export interface ConfirmationConfig {
  from: { email: string; name?: string };
  /** A dynamic template of SendGrid. Without one the mail has the built-in text. */
  templateId?: string | undefined;
  /** Templates by language tag in lower case. Without an entry for the user's language, `templateId` counts. */
  templates?: ReadonlyMap<string, string>;
  /** The name in the built-in text. */
  brand: string;
}

/** The mail that confirms a user's feedback. */
export function confirmationOf({
  id,
  time,
  trace,
  data,
  ticketId,
  config: { from, brand, ...config },
}: {
  id: string;
  /** When the job was accepted, ms. */
  time: number;
  /** What the caller follows the job by. */
  trace?: Record<string, string>;
  data: Feedback;
  ticketId: string;
  config: ConfirmationConfig;
}): Mail {
  const { user, subject, locale } = data;
  const templateId = templateFor(locale, config);
  const base = {
    from,
    to: user.name === undefined ? { email: user.email } : { email: user.email, name: user.name },
    customArgs: { ...mailArgs({ id, queue: FEEDBACK_QUEUE, time }), ...trace },
    categories: ['feedback-confirmation'],
  };
  if (templateId !== undefined)
    return { ...base, templateId, templateData: { name: user.name ?? '', subject, ticketId, brand } };
  return {
    ...base,
    subject: `We have received your feedback: ${subject}`,
    text: [
      user.name === undefined ? 'Hello,' : `Hello ${user.name},`,
      `Thank you for your feedback. ${brand} has received it under the number ${ticketId}.`,
      `Your subject: ${subject}`,
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
