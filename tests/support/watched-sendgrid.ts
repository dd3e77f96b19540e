import { realSendgrid } from '../../lib/mail/sendgrid';
import { INSTANCE, watch } from './engine';

/** Who sends the mails that are part of another job. */
export const SUPPORT = { email: 'support@example.com' };

/** The real adapter of SendGrid against a fake one, whose calls a test watches. */
export const watchedSendgrid = (endpoint: string, now: () => number, options: Parameters<typeof watch>[2]) =>
  watch(realSendgrid({ endpoint, apiKey: async () => 'secret', now, instance: INSTANCE }), 'sendgrid', options);
