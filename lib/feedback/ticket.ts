import { PermanentError } from '../errors';
import { attachmentsPrefix } from '../jobs/keys';
import type { Objects } from '../ports';
import type { Ticket } from '../vendors/zendesk';
import { FEEDBACK_QUEUE, type Feedback } from './message';

export interface TicketConfig {
  /** The key prefix of all objects of the service. */
  prefix: string;
  /** Tags of every ticket. */
  tags: readonly string[];
}

/** The ticket of a feedback job. It depends only on its arguments, so a repeat of the job makes the same bytes. */
export function ticketOf({
  id,
  data,
  uploads,
  tags,
  trace = {},
}: {
  id: string;
  data: Feedback;
  uploads: string[];
  tags: readonly string[];
  /** What the caller follows the job by. */
  trace?: Record<string, string>;
}): Ticket {
  const { user, subject, message, category, type, priority, customFields = [], context = {} } = data;
  const details = Object.entries(context).map(([name, value]) => `${name}: ${value}`);
  return {
    externalId: id,
    subject,
    body: details.length > 0 ? `${message}\n\n${details.join('\n')}` : message,
    requester: { name: user.name ?? localPart(user.email), email: user.email },
    tags: [...new Set([...tags, ...(category ? [asTag(category)] : []), ...(data.tags ?? [])])],
    ...(priority ? { priority } : {}),
    ...(type ? { type } : {}),
    customFields,
    uploads,
    ...(Object.keys(trace).length > 0 ? { metadata: trace } : {}),
  };
}

/** Zendesk creates a user for the requester, and a user needs a name. */
const localPart = (email: string): string => email.slice(0, email.lastIndexOf('@'));
/** Zendesk splits tags at white space. */
const asTag = (category: string): string => category.toLowerCase().replaceAll(/[^\p{L}\p{N}_/-]+/gu, '_');

/** Reads the job's files from the bucket. A file that is missing or elsewhere is a PermanentError. */
export async function attachmentsOf(
  { objects, prefix }: { objects: Objects; prefix: string },
  { attachments = [] }: Feedback,
): Promise<{ name: string; contentType: string; bytes: Uint8Array }[]> {
  const home = attachmentsPrefix(prefix, FEEDBACK_QUEUE);
  return Promise.all(
    attachments.map(async ({ key, name, contentType }, index) => {
      const field = `data.attachments.${index}.key`;
      if (!key.startsWith(home))
        throw new PermanentError({
          code: 'InvalidField',
          message: `${field}: must be under the attachments' prefix`,
          field,
        });
      const bytes = await objects.get(key);
      if (!bytes)
        throw new PermanentError({ code: 'AttachmentMissing', message: `${field}: there is no such object`, field });
      return { name, contentType, bytes };
    }),
  );
}
