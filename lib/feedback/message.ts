import * as z from 'zod';
import { mailboxOf } from '../jobs/address';
import { FEEDBACK_QUEUE } from '../jobs/keys';
import { emailAddress, mediaType, multiLine, singleLine } from '../text';

export const FEEDBACK_SUBMITTED = 'feedback.submitted.v1';

/** Zendesk takes 65,536 characters a comment, by its staff about 65,000. The facts add at most about 21,300 bytes. */
const MAX_MESSAGE_BYTES = 40_000;
/** Zendesk's limit for a file. A larger one could also exhaust the worker's memory. */
export const MAX_ATTACHMENT_BYTES = 50 * 1024 * 1024;

const user = z.strictObject({
  id: singleLine(
    128,
    'Your id of a user whose address you know. Without it, an address gets three mails an hour.',
  ).optional(),
  email: emailAddress,
  name: singleLine(100, "The user's name, for the ticket and the mail.").optional(),
});

const CUSTOM_VALUE = 'text of at most 5000 bytes, a number, true, false, or at most 50 texts of at most 255 characters';
const customField = z.strictObject({
  id: z.int().positive().describe("Zendesk's id of the field."),
  value: z
    .union([multiLine(5_000), z.number(), z.boolean(), z.array(singleLine(255)).max(50)], `must be ${CUSTOM_VALUE}`)
    .describe(`The value: ${CUSTOM_VALUE}.`),
});

/** A file in the bucket. The worker checks that its key is under the prefix for attachments. */
const attachment = z.strictObject({
  // S3 takes 1,024 bytes.
  key: singleLine(340, 'The object: `key` of an upload, or under {prefix}/_attachments/feedback/ in the bucket.'),
  name: singleLine(255, 'The name of the file in the ticket.'),
  contentType: mediaType,
  size: z.int().nonnegative().max(MAX_ATTACHMENT_BYTES).optional().describe('Bytes, at most 50 MiB.'),
});

/** Facts such as app version, device and operating system. Flat and small. */
type Context = Record<string, string | number | boolean>;

const MOST_FACTS = 20;
const FACT_NAME = /^[A-Za-z][\w.-]{0,63}$/;
const CONTEXT =
  'at most 20 entries: names of letters, digits, ., _ or -; values are text of at most 1000 bytes, numbers or booleans';
const contextValue = z.union([multiLine(1_000), z.number(), z.boolean()]);

/** One rule for the whole record. An issue of a single entry would name its key, which may be personal data. */
const context = z
  .custom<Context>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      Object.keys(value).length <= MOST_FACTS &&
      Object.entries(value).every(([key, entry]) => FACT_NAME.test(key) && contextValue.safeParse(entry).success),
    `must be ${CONTEXT}`,
  )
  .meta({
    type: 'object',
    description: `Facts for the text of the ticket, such as the app version. They must be ${CONTEXT}.`,
    maxProperties: MOST_FACTS,
    propertyNames: { pattern: FACT_NAME.source },
    additionalProperties: { type: ['string', 'number', 'boolean'], maxLength: 1_000 },
  });

/** The data of `feedback.submitted.v1`. No value is deeper than a list, so no input can exhaust the stack. */
export const feedbackSchema = z.strictObject({
  user: user.describe('Who wrote it.'),
  subject: singleLine(150, 'The subject of the ticket.'),
  message: multiLine(MAX_MESSAGE_BYTES, 'The text of the ticket.'),
  category: singleLine(50, 'Becomes a tag of the ticket.').optional(),
  type: z.enum(['problem', 'incident', 'question', 'task']).optional().describe("Zendesk's type of the ticket."),
  priority: z.enum(['urgent', 'high', 'normal', 'low']).optional().describe("Zendesk's priority of the ticket."),
  tags: z
    .array(
      z
        .string()
        .max(50)
        .regex(/^[\p{L}\p{N}_/-]+$/u, 'must be letters, digits, _, - or /'),
    )
    .max(20)
    .optional()
    .describe('Tags of the ticket: at most 20, each of at most 50 letters, digits, _, - or /.'),
  customFields: z.array(customField).max(50).optional().describe('Custom fields of the ticket: at most 50.'),
  attachments: z
    .array(attachment)
    .max(10)
    .optional()
    .describe('Files: at most 10, of 50 MiB each and 100 MiB together.'),
  confirmation: z.boolean().default(true).describe('false: the user gets no mail.'),
  locale: z
    .string()
    .max(100)
    .regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$/, 'must be a language tag, e.g. en-GB')
    .optional()
    .describe("A language tag such as de-AT, at most 100 characters. It chooses the mail's template."),
  context: context.optional(),
});

export type Feedback = z.infer<typeof feedbackSchema>;
/** Feedback as a caller writes it, where fields with a default are optional. */
export type FeedbackInput = z.input<typeof feedbackSchema>;

export interface FeedbackResult {
  ticketId: string;
  /** Whether the user got the mail. `unknown`: SendGrid did not answer, so it is never sent again. */
  confirmation: 'sent' | 'unknown' | `skipped: ${string}`;
}

/** The text whose hash is the message group. A group keeps the feedback of one user in order. */
export function feedbackPerson({ user: { id, email } }: Pick<Feedback, 'user'>): string {
  const who = id === undefined ? `email:${mailboxOf(email)}` : `id:${id}`;
  return `${FEEDBACK_QUEUE}:${who}`;
}
