/** What the rest of the service knows about this queue (lib/queues/queues.ts). All names are stored: never change one. */

export const FEEDBACK_QUEUE = 'feedback';
/** The step that sends the mail. */
export const CONFIRMATION = 'confirmation';

const MIB = 1024 * 1024;
/** Zendesk's limit for a file. A larger one could also exhaust the worker's memory. */
export const MAX_ATTACHMENT_BYTES = 50 * MIB;
/** The worker sends the files of a job one after another, within its time-out of 45 seconds. */
const MOST_ATTACHED_BYTES = 100 * MIB;

export const FEEDBACK_FACTS = {
  vendors: ['zendesk', 'sendgrid'],
  mailStep: CONFIRMATION,
  owedVendor: 'sendgrid',
  uploads: { mostBytes: MAX_ATTACHMENT_BYTES, mostBytesOfJob: MOST_ATTACHED_BYTES },
} as const;
