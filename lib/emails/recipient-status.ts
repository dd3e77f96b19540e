import { recipientsKey } from '../jobs/keys';
import type { Step } from '../jobs/row';
import type { Objects } from '../ports';
import { EMAILS_QUEUE } from './message';

/** The step that stores the recipients that SendGrid refused individually. */
export const EXCLUDED = 'excluded';

/** Recipients left out of a job's request. SendGrid named their addresses and sent none of the mails. */
export interface Excluded {
  /** The recipients' numbers in their chunk, in order. */
  recipients: number[];
  code: string;
  /** Requests refused like this in this generation of the job. */
  requests: number;
  generation: number;
}

/** The most refused requests of a chunk before an operator must look: then single addresses are not the cause. */
const MOST_REFUSED_REQUESTS = 10;

/** Adds the recipients at these places of a refused request. `undefined` if the chunk cannot go on without them. */
export function excludedWith(
  before: Excluded | undefined,
  refusal: { places: readonly number[]; sent: readonly number[]; code: string; generation: number },
): Excluded | undefined {
  const { places, sent, code, generation } = refusal;
  const requests = (before?.generation === generation ? before.requests : 0) + 1;
  const named = places.map((place) => sent[place]);
  if (requests > MOST_REFUSED_REQUESTS || named.length >= sent.length) return undefined;
  if (!named.every((number) => number !== undefined)) return undefined;
  const recipients = [...(before?.recipients ?? []), ...named].sort((a, b) => a - b);
  return { recipients, code, requests, generation };
}

export const excludedOf = (step: Step | undefined): Excluded | undefined =>
  step?.status === 'done' ? (step.result as Excluded) : undefined;

/** SendGrid's answer. Events report what happens to a mail later. */
export type RecipientStatus = 'accepted' | 'refused';

/** Writes each recipient's status by number. Only the manifest has the addresses, so an erasure has one place. */
export async function writeRecipients(
  { objects, prefix }: { objects: Pick<Objects, 'put'>; prefix: string },
  outcome: {
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
  const { id, time, campaign, recipients, status, messageId, code, excluded } = outcome;
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
