import { mailArgs } from '../jobs/mail';
import type { Mail } from '../vendors/sendgrid';
import { type Invite, TESTFLIGHT_QUEUE } from './message';

export interface NotificationConfig {
  from: { email: string; name?: string };
  /** SendGrid dynamic template; built-in text where there is none. */
  templateId?: string | undefined;
  /** Who invites, as the built-in text has it. */
  brand: string;
}

/** The mail that tells a tester, beside Apple's, what they were invited to. */
export function notificationOf({
  id,
  time,
  data: { email, firstName, lastName },
  notification: { appName, message, url },
  config: { from, templateId, brand },
}: {
  id: string;
  /** The job's. */
  time: number;
  data: Invite;
  notification: NonNullable<Invite['notification']>;
  config: NotificationConfig;
}): Mail {
  const name = [firstName, lastName].filter((part) => part !== undefined).join(' ');
  const base = {
    from,
    to: name === '' ? { email } : { email, name },
    customArgs: mailArgs({ id, queue: TESTFLIGHT_QUEUE, time }),
    categories: ['testflight-notification'],
  };
  if (templateId !== undefined)
    return { ...base, templateId, templateData: { name, appName, message: message ?? '', url: url ?? '', brand } };
  return {
    ...base,
    subject: `You are invited to test ${appName}`,
    text: [
      name === '' ? 'Hello,' : `Hello ${name},`,
      `${brand} invites you to test ${appName}. Apple has sent you a mail of its own, by which you join in TestFlight.`,
      ...(message === undefined ? [] : [message]),
      ...(url === undefined ? [] : [url]),
    ].join('\n\n'),
  };
}
