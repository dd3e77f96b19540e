import { emailEventsHandler } from '../lib/emails/events/handler';

export const handler = emailEventsHandler();
