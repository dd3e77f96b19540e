import * as z from 'zod';
import { MAIL_QUEUES, MAIL_STEPS } from '../../worker/mail';

const digits = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);
/** No mail of this service is older than 2020. A later time than a day ahead is no clock's fault. */
const FIRST_MS = Date.UTC(2020, 0);
const DAY_MS = 24 * 60 * 60_000;

/** An event about a mail of this code, of any instance. The vendor repeats our ids. Other fields may be personal. */
const mailEvent = z.object({
  event: z.string().regex(/^[a-z_]{1,40}$/),
  /** Seconds since 1970. */
  timestamp: z.int().nonnegative(),
  sg_message_id: z.string().max(300).default(''),
  instance: z.string().max(64).optional(),
  queue: z.enum(MAIL_QUEUES),
  step: z.string(),
  job: z.uuid(),
  time: digits,
  /** The recipient's number in its chunk. Other mails have one recipient. */
  recipient: digits.default(0),
  campaign: z.uuid().optional(),
  /** The kind of a bounce, `bounce` or `blocked`, and the mail server's code. */
  type: z
    .string()
    .regex(/^[a-z]{1,20}$/)
    .optional()
    .catch(undefined),
  status: z
    .string()
    .regex(/^\d(\.\d{1,3}){0,2}$/)
    .optional()
    .catch(undefined),
});

type Parsed = z.infer<typeof mailEvent>;

/** A stored event. It has no address: the manifest has the address under the recipient's number. */
export type StoredEvent = Pick<Parsed, 'event' | 'timestamp' | 'job' | 'campaign' | 'recipient' | 'type' | 'status'> & {
  messageId: string;
};

/** An event about a mail of this code, with the instance that sent it, and the queue and the time (ms) of its job. */
export type MailEvent = Pick<Parsed, 'instance' | 'queue' | 'time'> & { stored: StoredEvent };

/** Removes everything personal. `undefined` if this code sent no such mail, or no job can have its time. `now`: ms. */
export function parseEvent(input: unknown, now: number): MailEvent | undefined {
  const parsed = mailEvent.safeParse(input);
  if (!parsed.success) return undefined;
  const { instance, queue, step, time, sg_message_id: messageId, ...stored } = parsed.data;
  if (step !== MAIL_STEPS[queue] || time < FIRST_MS || time > now + DAY_MS) return undefined;
  return { instance, queue, time, stored: { ...stored, messageId } };
}

/** SendGrid repeats events: two with the same key are one. Recipients of one request may share the vendor's id. */
export const eventKey = ({ messageId, event, timestamp, job, recipient }: StoredEvent): string =>
  `${messageId} ${event} ${timestamp} ${job} ${recipient}`;
