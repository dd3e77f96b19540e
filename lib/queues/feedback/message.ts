import * as z from 'zod';
import { mailboxOf } from '../../engine/jobs/address';
import { emailAddress, exactLine, localeTag, mediaType, multiLine, singleLine, tag } from '../../platform/text';
import { FEEDBACK_QUEUE, MAX_ATTACHMENT_BYTES } from './queue';

export const FEEDBACK_SUBMITTED = 'feedback.submitted.v1';

/** Zendesk takes 65,536 characters a comment, by its staff about 65,000. The facts add at most about 21,300. */
const MAX_MESSAGE = 40_000;

const user = z.strictObject({
  id: exactLine(
    128,
    'Your id of a user whose address you know. Without it, an address gets three mails an hour.',
  ).optional(),
  email: emailAddress,
  name: singleLine(100, "The user's name, for the ticket and the mail.").optional(),
});

const CUSTOM_VALUE =
  'text of at most 5000 characters, a number, true, false, or at most 50 texts of at most 255 characters';
const customField = z.strictObject({
  id: z.int().positive().describe("Zendesk's id of the field."),
  value: z
    .union([multiLine(5_000), z.number(), z.boolean(), z.array(singleLine(255)).max(50)], `must be ${CUSTOM_VALUE}`)
    .describe(`The value: ${CUSTOM_VALUE}.`),
});

/** A file in the bucket. The worker checks that its key is under the prefix for attachments. */
const attachment = z.strictObject({
  // S3 takes 1,024 bytes.
  key: exactLine(
    340,
    'The object: `key` of an upload. With `ownFiles`, any under {prefix}/_attachments/feedback/ in the bucket.',
  ),
  name: singleLine(255, 'The name of the file in the ticket.').optional(),
  contentType: mediaType.optional(),
  size: z.int().nonnegative().max(MAX_ATTACHMENT_BYTES).optional().describe('Bytes, at most 50 MiB.'),
});

const MOST_FACTS = 20;
const FACT_NAME = /^[A-Za-z][\w.-]{0,63}$/;
const CONTEXT =
  'at most 20 entries: names of letters, digits, ., _ or -; values are text of at most 1000 characters, numbers or booleans';

/** Facts such as app version, device and operating system. Flat and small. */
const context = z
  .record(z.string().regex(FACT_NAME), z.union([multiLine(1_000), z.number(), z.boolean()]))
  .check(({ value, issues }) => {
    if (Object.keys(value).length > MOST_FACTS)
      issues.push({ code: 'too_big', origin: 'object', maximum: MOST_FACTS, input: value });
  })
  .meta({
    description: `Facts for the text of the ticket, such as the app version. They must be ${CONTEXT}.`,
    maxProperties: MOST_FACTS,
  });

/** The data of `feedback.submitted.v1`. No value is deeper than a list, so no input can exhaust the stack. */
export const feedbackSchema = z.strictObject({
  user: user.describe('Who wrote it.'),
  subject: singleLine(150, 'The subject of the ticket.'),
  message: multiLine(MAX_MESSAGE, 'The text of the ticket.'),
  category: singleLine(50, 'Becomes a tag of the ticket.').optional(),
  type: z.enum(['problem', 'incident', 'question', 'task']).optional().describe("Zendesk's type of the ticket."),
  priority: z.enum(['urgent', 'high', 'normal', 'low']).optional().describe("Zendesk's priority of the ticket."),
  tags: z
    .array(tag)
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
  locale: localeTag
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
