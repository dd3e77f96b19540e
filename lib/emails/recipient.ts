import * as z from 'zod';
import { describeIssue } from '../jobs/envelope';
import { singleLine } from '../text';
import { type CampaignContent, emailAddress, templateData } from './message';

/** The length with the recipient's data filled in. A request has to hold a thousand such links. */
const MAX_LINK = 2_000;

export const recipientSchema = z.strictObject({
  email: emailAddress,
  name: singleLine(100).optional(),
  data: templateData.optional(),
});
export type Recipient = z.infer<typeof recipientSchema>;
export type RecipientInput = z.input<typeof recipientSchema>;

/** Outside dynamic templates SendGrid only substitutes text, so each value must be plain. */
const plain = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value);

const placeholders = (link: string): string[] => [...link.matchAll(/\{([^{}]+)\}/g)].map(([, name = '']) => name);

/** Returns the recipient, or the rule that it breaks. A rule names fields and never a value. */
export function recipientCheck({ templateId, unsubscribe }: Pick<CampaignContent, 'templateId' | 'unsubscribe'>) {
  const link = unsubscribe && 'link' in unsubscribe ? unsubscribe.link : '';
  const needed = placeholders(link);
  // Reasons are stored, and the campaign's hash covers them. With another text a caller's repeat would be refused.
  return (input: unknown): { recipient: Recipient } | { reason: string } => {
    const parsed = recipientSchema.safeParse(input, { reportInput: true });
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return { reason: issue ? describeIssue(issue, issue.path.length === 0 ? 'recipient' : '').message : 'not valid' };
    }
    const recipient = parsed.data;
    const { data = {} } = recipient;
    if (templateId === undefined && !Object.values(data).every(plain))
      return { reason: 'data: must be text, numbers or booleans where there is no templateId' };
    const missing = needed.find((name) => !plain(data[name]));
    if (missing !== undefined) return { reason: `data.${missing}: must be there, the unsubscribe link needs it` };
    // Data that cannot be encoded would throw when the chunk is sent, and fail the whole chunk.
    const broken = needed.find((name) => !String(data[name]).isWellFormed());
    if (broken !== undefined) return { reason: `data.${broken}: must be well-formed Unicode` };
    if (needed.length > 0 && unsubscribeLink(link, data).length > MAX_LINK)
      return { reason: `data: makes the unsubscribe link longer than ${MAX_LINK} characters` };
    return { recipient };
  };
}

export const unsubscribeLink = (link: string, data: Record<string, unknown> = {}): string =>
  link.replace(/\{([^{}]+)\}/g, (_, name: string) => encodeURIComponent(String(data[name])));

/** The list of recipients is invalid as a whole. The message names the rule and the place, never a value. */
export class InvalidRecipientsError extends Error {
  override readonly name = 'InvalidRecipientsError';
}
