import { mailArgs } from '../jobs/mail';
import { traceOf } from '../jobs/row';
import type { Mail } from '../vendors/sendgrid';
import type { Job } from '../worker/contract';
import { type Invite, TESTFLIGHT_QUEUE } from './message';

export interface NotificationConfig {
  from: { email: string; name?: string };
  /** A dynamic template of SendGrid. Without one the mail has the built-in text. */
  templateId?: string | undefined;
  /** The inviter's name in the built-in text. */
  brand: string;
}

/** The mail that tells a tester about the invitation, in addition to Apple's mail. */
export function notificationOf(
  { id, row, data: { email, firstName, lastName } }: Job<Invite>,
  { appName, message, url }: NonNullable<Invite['notification']>,
  { from, templateId, brand }: NotificationConfig,
): Mail {
  const name = [firstName, lastName].filter((part) => part !== undefined).join(' ');
  const person = {
    email,
    name: name === '' ? undefined : name,
    customArgs: { ...mailArgs({ id, queue: TESTFLIGHT_QUEUE, time: row.time }), ...traceOf(row) },
  };
  const categories = ['testflight-notification'];
  if (templateId !== undefined) {
    const words = { name, appName, message: message ?? '', url: url ?? '', brand };
    return { from, categories, templateId, recipients: [{ ...person, data: words }] };
  }
  return {
    from,
    categories,
    recipients: [person],
    subject: `You are invited to test ${appName}`,
    text: [
      name === '' ? 'Hello,' : `Hello ${name},`,
      `${brand} invites you to test ${appName}. Apple has sent you a separate e-mail. Use it to join in TestFlight.`,
      ...(message === undefined ? [] : [message]),
      ...(url === undefined ? [] : [url]),
    ].join('\n\n'),
  };
}
