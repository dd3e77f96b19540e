import * as z from 'zod';
import { emailAddress, isoTime, multiLine, singleLine, templateId } from '../../platform/text';
import { hasLooseBraces, isPersonal, MAX_DATA_BYTES, mergeOf, type Words } from './placeholders';

/** SendGrid takes no more in a request. */
export const MOST_RECIPIENTS = 1000;
/** The vendor's library copies data by recursion, so unlimited depth would overflow the stack. */
const MAX_DEPTH = 8;

/** Whether JSON keeps the value. It has no NaN, and throws at a BigInt. */
function isShallowJson(value: unknown, depth: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return !['bigint', 'function', 'symbol'].includes(typeof value);
  return depth > 0 && Object.values(value).every((part) => isShallowJson(part, depth - 1));
}

/** Not Zod's own, which brings all of Zod's parts into the bundles. */
const isPlainObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value));

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Not `z.record`, which makes an object for each entry of a million recipients and copies them all. */
export const templateData = z
  .custom<Record<string, unknown>>(isPlainObject, 'must be an object')
  .refine((value) => isShallowJson(value, MAX_DEPTH), {
    error: `must be JSON that is not nested more than ${MAX_DEPTH} deep`,
    abort: true,
  })
  .refine((value) => bytesOf(value) <= MAX_DATA_BYTES, `must be at most ${MAX_DATA_BYTES} bytes of JSON`)
  .meta({
    type: 'object',
    description: `For the template: at most ${MAX_DATA_BYTES} bytes of JSON, at most ${MAX_DEPTH} deep.`,
  });

export const EMAIL_MESSAGE = 'email.message.v1';
export const EMAIL_CAMPAIGN = 'email.campaign.v1';

/** Characters of each. Both together have at most twice as many bytes. */
const MAX_BODY = 512 * 1024;
/** SendGrid takes ten. The id of a campaign is one of them. */
const MOST_CATEGORIES = 9;
const MAX_BODIES_BYTES = 2 * MAX_BODY;

/** A name goes into a header, and a line break would forge another header. */
export const person = z.strictObject({
  email: emailAddress,
  name: singleLine(100, 'The name beside the address.').optional(),
});

export const hashOf = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hex');

/** By SendGrid's unsubscribe group, or by the sender's own link, which mail programs offer as one click (RFC 8058). */
const unsubscribe = z.union(
  [
    z.strictObject({
      group: z.int().positive().describe("SendGrid's unsubscribe group."),
      groupsToDisplay: z.array(z.int().positive()).max(25).optional().describe('The groups to offer: at most 25.'),
    }),
    z.strictObject({
      link: z
        .string()
        .max(1000)
        .regex(
          /^https:\/\/([^\s<>"{}]|\{\{[^{}]+\}\})+$/,
          'must be an https link, whose placeholders are like {{token}}',
        )
        .refine(isPersonal, 'must have a placeholder without a fallback')
        .describe('An https link of at most 1000 characters, with a placeholder for the person such as {{token}}.'),
    }),
  ],
  'must have group, and groupsToDisplay (at most 25) if needed, all numbers from 1; or only link, an https address with a placeholder like {{token}} and no fallback',
);

const mailShape = {
  from: person.describe('The sender.'),
  replyTo: person.optional().describe('Who gets the answers.'),
  templateId: templateId
    .optional()
    .describe('A dynamic template: d- and 32 hex digits. Without it, subject and text are required.'),
  templateKeys: z
    .array(singleLine(100))
    .max(100)
    .optional()
    .describe('Keys of the data that the template needs. Each recipient must have a value for each.'),
  subject: singleLine(255, 'The subject. A template may have its own.').optional(),
  text: multiLine(MAX_BODY, 'The mail as plain text, without a templateId.').optional(),
  html: multiLine(MAX_BODY, 'The mail as HTML, without a templateId.').optional(),
  categories: z
    .array(singleLine(255))
    .overwrite((names) => [...new Set(names)])
    .max(MOST_CATEGORIES)
    .meta({
      uniqueItems: true,
      description: `At most ${MOST_CATEGORIES}, none twice, for SendGrid's statistics. No personal data.`,
    })
    .optional(),
  tracking: z
    .strictObject({
      opens: z.boolean().optional().describe('Whether SendGrid adds a picture that shows who opens the mail.'),
      clicks: z.boolean().optional().describe('Whether SendGrid replaces the links to see who follows them.'),
    })
    .optional()
    .describe("What SendGrid tracks. Without it nothing, whatever the account's settings say."),
  unsubscribe: unsubscribe.optional().describe('How a recipient unsubscribes. Bulk mail needs it.'),
};

function checkWords({ templateId: template, templateKeys, ...words }: Words, context: z.RefinementCtx): void {
  const { subject, text, html } = words;
  const issue = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message });
  if (Buffer.byteLength(text ?? '') + Buffer.byteLength(html ?? '') > MAX_BODIES_BYTES)
    issue('html', `must be at most ${MAX_BODIES_BYTES} bytes of UTF-8 with text`);
  if (template !== undefined) {
    if (text !== undefined || html !== undefined) issue('templateId', 'cannot be combined with text or html');
    if (subject?.includes('{{')) issue('subject', 'cannot have placeholders beside a templateId');
    return;
  }
  for (const [field, value] of Object.entries({ subject, text, html }))
    if (value !== undefined && hasLooseBraces(value))
      issue(field, 'has {{ that begins no placeholder like {{name}} or {{name|there}}');
  if (templateKeys !== undefined) issue('templateKeys', 'need a templateId');
  if (subject === undefined) issue('subject', 'is required without a templateId');
  if (text === undefined) issue('text', 'is required without a templateId, also beside html');
}

export const campaignContentSchema = z.strictObject(mailShape).superRefine(checkWords);
export type CampaignContent = z.infer<typeof campaignContentSchema>;

export const campaignSchema = z
  .strictObject({
    ...mailShape,
    transactional: z.boolean().optional().describe('true: no bulk mail, but for example a receipt.'),
    name: singleLine(100, 'For the readers of rows and reports. No personal data.').optional(),
    sendAt: isoTime.optional().describe('No mail is sent before: ISO 8601 with Z or an offset, at most 30 days ahead.'),
  })
  .superRefine(checkWords);
export type CampaignInput = z.input<typeof campaignSchema>;

const count = z.int().nonnegative();

/** The data of `email.campaign.v1`. The whole campaign is in S3 before this job is sent. */
export const campaignJobSchema = z.strictObject({
  name: singleLine(100).optional(),
  sendAt: z.iso.datetime({ offset: true }).optional(),
  manifest: z.strictObject({ key: z.string().min(1).max(1024), sha256: hashOf }),
  /** Each requested recipient is a recipient, a duplicate or rejected. */
  requested: count,
  /** Rejected because an earlier entry has the same address. */
  duplicates: count,
  rejected: count,
  recipients: z.int().positive(),
  chunks: z.int().positive(),
  chunkSize: z.int().positive().max(MOST_RECIPIENTS),
});
export type CampaignJob = z.infer<typeof campaignJobSchema>;
export type RecipientCounts = Pick<CampaignJob, 'requested' | 'duplicates' | 'rejected' | 'recipients' | 'chunks'>;

export const chunkJobSchema = z.strictObject({
  campaign: z.uuid(),
  number: z.int().nonnegative(),
  recipients: z.int().positive().max(MOST_RECIPIENTS),
});
export type ChunkJob = z.infer<typeof chunkJobSchema>;

export const emailMessageSchema = z
  .strictObject({ ...mailShape, to: person.describe('The recipient.'), data: templateData.optional() })
  .superRefine(checkWords)
  .superRefine(({ to, data, ...content }, context) => {
    const { path = [], rule } = mergeOf(content).unfit({ name: to.name, data }) ?? {};
    if (rule !== undefined) context.addIssue({ code: 'custom', path, message: rule });
  })
  .meta({
    anyOf: [
      { required: ['templateId'], properties: { text: false, html: false } },
      { required: ['subject', 'text'], properties: { templateId: false, templateKeys: false } },
    ],
  });
export type EmailMessage = z.infer<typeof emailMessageSchema>;
export type EmailMessageInput = z.input<typeof emailMessageSchema>;

export interface EmailResult {
  /** SendGrid's `x-message-id`. */
  messageId?: string;
  /** The event of SendGrid that proves the mail, if the call had no answer. */
  evidence?: string;
}

/** Of the start of a campaign. `campaigns.report` counts what was sent. */
export type CampaignResult = Pick<RecipientCounts, 'chunks' | 'recipients'>;
