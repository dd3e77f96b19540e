/** What the rest of the service knows about this queue (lib/queues/queues.ts). All names are stored: never change one. */

export const TESTFLIGHT_QUEUE = 'testflight';
/** The step that sends the mail. */
export const NOTIFICATION = 'notification';

export const TESTFLIGHT_FACTS = {
  vendors: ['app-store-connect', 'sendgrid'],
  mailStep: NOTIFICATION,
  owedVendor: 'sendgrid',
} as const;
