import { z } from 'zod';
import { parseOrPark, sha256 } from '../jobs/envelope';
import { multiLine, singleLine } from '../text';

export const FEEDBACK_QUEUE = 'feedback';
export const FEEDBACK_SUBMITTED = 'feedback.submitted.v1';

const MAX_MESSAGE_BYTES = 64 * 1024;
/** Zendesk's limit for one file. */
const MAX_ATTACHMENT_BYTES = 50 * 1024 * 1024;

const user = z.strictObject({
  /** The caller's own id of the user, opaque to us. */
  id: singleLine(128).optional(),
  email: z.email().max(254),
  name: singleLine(100).optional(),
});

const customField = z.strictObject({
  id: z.int().positive(),
  value: z.union([multiLine(5_000), z.number(), z.boolean(), z.array(singleLine(255)).max(50)]),
});

/** A file that lies in the bucket already, under the attachments' prefix: the worker checks that. */
const attachment = z.strictObject({
  key: singleLine(1024),
  name: singleLine(255),
  contentType: z
    .string()
    .max(127)
    .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(; ?charset=[\w-]+)?$/, 'must be a media type'),
  size: z.int().nonnegative().max(MAX_ATTACHMENT_BYTES).optional(),
});

/** App version, device, operating system and the like: flat and small. */
type Context = Record<string, string | number | boolean>;

const contextValue = z.union([multiLine(1_000), z.number(), z.boolean()]);

/** One rule for the whole record: an issue of one entry would name its key, and a caller's key may be personal. */
const context = z.custom<Context>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length <= 20 &&
    Object.entries(value).every(
      ([key, entry]) => /^[A-Za-z][\w.-]{0,63}$/.test(key) && contextValue.safeParse(entry).success,
    ),
  'must be at most 20 entries: names of letters, digits, ., _ or -; values are text of at most 1000 bytes, numbers or booleans',
);

/**
 * The data of `feedback.submitted.v1`. Unknown fields are refused, so a typing error is told instead of lost, and no
 * value is deeper than a list: nothing in here can exhaust a stack.
 */
export const feedbackSchema = z.strictObject({
  user,
  subject: singleLine(150),
  message: multiLine(MAX_MESSAGE_BYTES),
  category: singleLine(50).optional(),
  type: z.enum(['problem', 'incident', 'question', 'task']).optional(),
  priority: z.enum(['urgent', 'high', 'normal', 'low']).optional(),
  tags: z
    .array(
      z
        .string()
        .max(50)
        .regex(/^[\p{L}\p{N}_/-]+$/u, 'must be letters, digits, _, - or /'),
    )
    .max(20)
    .optional(),
  customFields: z.array(customField).max(50).optional(),
  attachments: z.array(attachment).max(10).optional(),
  /** Whether the user gets an e-mail that says the feedback has come. */
  confirmation: z.boolean().default(true),
  locale: z
    .string()
    .max(35)
    .regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, 'must be a language tag, e.g. en-GB')
    .optional(),
  context: context.optional(),
});

export type Feedback = z.infer<typeof feedbackSchema>;
/** Feedback as a caller may write it, defaults left out. */
export type FeedbackInput = z.input<typeof feedbackSchema>;

/** The data of a feedback job. Throws a PermanentError that names field and rule. */
export const parseFeedback = (data: unknown): Feedback => parseOrPark(feedbackSchema, data, 'data');

/**
 * The message group: one user's feedback is handled in the order it was given. A hash, because logs and the DLQ's
 * attributes show it.
 */
export function feedbackGroup({ user: { id, email } }: Pick<Feedback, 'user'>): string {
  const who = id === undefined ? `email:${email.toLowerCase()}` : `id:${id}`;
  return sha256(`${FEEDBACK_QUEUE}:${who}`).slice(0, 32);
}
