import { emailEventsHandler } from '../lib/startup/email-events';

export const handler = emailEventsHandler();
