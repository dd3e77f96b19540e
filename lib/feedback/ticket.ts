import { StoreError, wrongField } from '../errors';
import { attachmentsPrefix, FEEDBACK_QUEUE } from '../jobs/keys';
import { type JobRow, traceOf } from '../jobs/row';
import { type Objects, TOO_LARGE } from '../ports';
import { plainText } from '../text';
import type { Ticket } from '../vendors/zendesk';
import type { Feedback } from './message';

export interface FeedbackJob {
  id: string;
  data: Feedback;
  row: Pick<JobRow, 'time' | 'correlationId' | 'traceparent'>;
}

/** The ticket of a feedback job. It depends only on its arguments, so a repeat of the job makes the same bytes. */
export function ticketOf({ id, data, row }: FeedbackJob, uploads: string[], tags: readonly string[]): Ticket {
  const { user, subject, message, category, type, priority, customFields = [], context = {} } = data;
  const details = Object.entries(context).map(([name, value]) => `${name}: ${value}`);
  const own = localPart(user.email);
  return {
    external_id: id,
    subject: plainText(subject),
    comment: { body: details.length > 0 ? `${message}\n\n${details.join('\n')}` : message, uploads: filled(uploads) },
    requester: { name: plainText(user.name ?? own) || own, email: user.email },
    tags: filled([...new Set([...tags, ...(category ? [asTag(category)] : []), ...(data.tags ?? [])])]),
    priority,
    type,
    custom_fields: filled(customFields),
    metadata: filled(traceOf(row)),
  };
}

const filled = <T extends object>(value: T): T | undefined => (Object.keys(value).length > 0 ? value : undefined);

/** Zendesk creates a user for the requester, and a user needs a name. */
const localPart = (email: string): string => email.slice(0, email.lastIndexOf('@'));
/** Zendesk splits tags at white space. */
const asTag = (category: string): string => category.toLowerCase().replaceAll(/[^\p{L}\p{N}_/-]+/gu, '_');

/** Zendesk's limit for a file. A larger one could also exhaust the function's memory. */
const MOST_BYTES = 50 * 1024 * 1024;
/** Media types that a browser runs or that can run scripts. */
const ACTIVE = /html|svg|xml|script|flash|htc/i;

/** Reads the job's files one at a time. A file that is missing, elsewhere or too large is a PermanentError. */
export async function* attachmentsOf(
  { objects, prefix }: { objects: Objects; prefix: string },
  { attachments = [] }: Feedback,
): AsyncGenerator<{ name: string; contentType: string; bytes: Uint8Array }> {
  const home = attachmentsPrefix(prefix, FEEDBACK_QUEUE);
  const refused = (index: number, code: string, rule: string) =>
    wrongField(code, `data.attachments.${index}.key`, rule);
  for (const [index, { key }] of attachments.entries())
    if (!key.startsWith(home)) throw refused(index, 'InvalidField', "must be under the attachments' prefix");
  for (const [index, { key, name, contentType }] of attachments.entries()) {
    const bytes = await objects.get(key, { mostBytes: MOST_BYTES }).catch((error: unknown) => {
      if (error instanceof StoreError && error.code === TOO_LARGE)
        throw refused(index, 'AttachmentTooLarge', `must be at most ${MOST_BYTES} bytes`);
      throw error;
    });
    if (!bytes) throw refused(index, 'AttachmentMissing', 'there is no such object');
    yield {
      name: fileName(name),
      contentType: ACTIVE.test(contentType) ? 'application/octet-stream' : contentType,
      bytes,
    };
  }
}

const fileName = (name: string): string => plainText(name.split(/[\\/]/).at(-1) ?? '') || 'file';
