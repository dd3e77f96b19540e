import { recipientsKey } from '../jobs/keys';
import type { Objects } from '../ports';
import type { Excluded } from './excluded';
import { EMAILS_QUEUE } from './message';

/** What SendGrid's answer said; what became of a mail afterwards is told by its events. */
export type RecipientStatus = 'accepted' | 'refused';

/**
 * Writes what became of each recipient of a job. By number: the address behind it stands in the campaign's manifest
 * alone, which so is the one place to erase it from. Writing it again is harmless.
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
    /** Why it was refused. */
    code?: string;
    /** Refused before, each for their own address. */
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
