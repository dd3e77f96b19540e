import { isBodyOf, keepBody, keptBody } from '../jobs/body';
import { ATTRIBUTE } from '../jobs/park';
import type { JobRow } from '../jobs/row';
import { sendOpen } from '../jobs/send';
import { reopen } from '../jobs/transitions';
import { walkDeadLetters } from '../reconcile/walk';
import { bodyGone, whyNot } from './act';
import { auditNote } from './audit-trail';
import { type ActingDeps, decide, type OperatorDeps, OperatorError } from './operator';

/** `messageId`: the message that the retry sent. Missing: the job's own message is still in its queue. */
export interface Retried {
  messageId?: string;
}

/**
 * Sends a dead or cancelled job back to its queue, in its old message group. The job continues at its first step without
 * a result. The row comes first, because it is what allows a message to run the job; the reconciler sends the message if
 * this send fails, and deletes the DLQ entry. Rejects with an OperatorError for other states, and if the body is gone.
 */
export async function retry(deps: ActingDeps, row: JobRow): Promise<Retried> {
  const refused = whyNot.retry(row);
  if (refused) throw refused;
  const open = reopen(row, { at: deps.clock.now(), event: 'reopened (operator)', note: auditNote(deps) });
  if (row.state === 'cancelled' && !row.bodyKept) {
    // Its own message is still in the queue.
    await decide(deps, row, open);
    return {};
  }
  const kept = await keptBody(deps, row);
  const body = kept ?? (row.state === 'dead' ? await entryBody(deps, row) : undefined);
  if (body === undefined) throw bodyGone(row);
  if (kept === undefined) await keepBody(deps, row, body);
  const { sentAt: _sentAt, ...unsent } = open;
  const { messageId } = await sendOpen(deps, await decide(deps, row, { ...unsent, bodyKept: true }), body);
  return { messageId };
}

/**
 * The body that a job's entry in the DLQ carries, for one whose kept body was removed from the bucket. Rejects with an
 * OperatorError where the entry may be there and cannot be seen.
 */
export async function entryBody(deps: OperatorDeps, row: JobRow): Promise<string | undefined> {
  if (row.parkedAt === undefined || row.leftDlqAt !== undefined) return undefined;
  let found: string | undefined;
  const url = deps.dlqUrl(row.queue);
  const { inFlight } = await deps.queues.depth(url);
  const whole = await walkDeadLetters(deps, url, ({ body, attributes }) => {
    if (attributes[ATTRIBUTE.job] === row.id && isBodyOf(body, row)) found = body;
    return found === undefined;
  });
  if (found !== undefined || (whole && inFlight === 0)) return found;
  throw new OperatorError(
    `${row.id}: its body is gone from the bucket, and its DLQ entry is hidden or too far back. Try again in a few minutes, or within 11 hours if the DLQ is very large.`,
  );
}
