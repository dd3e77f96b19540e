import { mailArgs } from '../jobs/mail';
import type { Mail } from '../vendors/sendgrid';
import { FEEDBACK_QUEUE, type Feedback } from './message';

export interface ConfirmationConfig {
  from: { email: string; name?: string };
  /** SendGrid dynamic template; built-in text where there is none. */
  templateId?: string | undefined;
  /** The name that the built-in text speaks of. */
  brand: string;
}

/** The mail that tells a user that their feedback has come. */
export function confirmationOf({
  id,
  time,
  data,
  ticketId,
  config: { from, templateId, brand },
}: {
  id: string;
  /** The job's. */
  time: number;
  data: Feedback;
  ticketId: string;
  config: ConfirmationConfig;
}): Mail {
  const { user, subject } = data;
  const base = {
    from,
    to: user.name === undefined ? { email: user.email } : { email: user.email, name: user.name },
    customArgs: mailArgs({ id, queue: FEEDBACK_QUEUE, time }),
    categories: ['feedback-confirmation'],
  };
  if (templateId !== undefined)
    return { ...base, templateId, templateData: { name: user.name ?? '', subject, ticketId, brand } };
  return {
    ...base,
    subject: `We have received your feedback: ${subject}`,
    text: [
      user.name === undefined ? 'Hello,' : `Hello ${user.name},`,
      `thank you for your feedback. It has reached ${brand} under the number ${ticketId}.`,
      `You wrote about: ${subject}`,
    ].join('\n\n'),
  };
}
