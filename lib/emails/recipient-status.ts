import { recipientsKey } from '../jobs/keys';
import type { Objects } from '../ports';
import type { Excluded } from './excluded';
import { EMAILS_QUEUE } from './message';

/** SendGrid's answer. Events report what happens to a mail later. */
export type RecipientStatus = 'accepted' | 'refused';

/**
 * Writes the status of each recipient of a job, by number. Only the campaign's manifest has the address behind a
 * number, so an erasure has one place. Writing it again is harmless.
 */
export async function writeRecipients(
  { objects, prefix }: { objects: Pick<Objects, 'put'>; prefix: string },
  {
    id,
    time,
    campaign,
    recipients,
    status,
    messageId,
    code,
    excluded,
  }: {
    id: string;
    time: number;
    campaign?: string;
    recipients: number;
    status: RecipientStatus;
    messageId?: string | undefined;
    code?: string;
    /** Recipients that SendGrid refused earlier because of their own addresses. */
    excluded?: Excluded | undefined;
  },
): Promise<void> {
  const job = { job: id, ...(campaign ? { campaign } : {}) };
  const together = { status, ...(messageId ? { messageId } : {}), ...(code ? { code } : {}) };
  const alone = { status: 'refused' satisfies RecipientStatus, code: excluded?.code, field: 'to' };
  const left = new Set(excluded?.recipients);
  const lines = Array.from({ length: recipients }, (_, recipient) =>
    JSON.stringify({ ...job, ...(left.has(recipient) ? alone : together), recipient }),
  );
  const key = recipientsKey(prefix, { queue: EMAILS_QUEUE, time, id });
  await objects.put(key, `${lines.join('\n')}\n`, 'application/x-ndjson');
}
