import { isBodyOf, keptBody } from '../jobs/body';
import { appended, noted } from '../jobs/history';
import { deduplicationId } from '../jobs/keys';
import { ATTRIBUTE, backInQueue } from '../jobs/park';
import type { HistoryEntry, JobRow } from '../jobs/row';
import { reopen as reopened } from '../jobs/transitions';
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
 * a result. Calling this twice is harmless. Rejects with an OperatorError for other states, and if the body is gone.
 */
export async function retry(deps: ActingDeps, row: JobRow): Promise<Retried> {
  const refused = whyNot.retry(row);
  if (refused) throw refused;
  return row.state === 'dead' ? redrive(deps, row) : reopen(deps, row);
}

/**
 * Sends the message first, as every transition does. The row stays dead until a worker claims the message, which reopens
 * it. The reconciler then deletes the DLQ entry. A second redrive before the claim has the same deduplication id.
 */
async function redrive(deps: ActingDeps, row: JobRow): Promise<Retried> {
  const body = (await keptBody(deps, row)) ?? (await entryBody(deps, row));
  if (body === undefined) throw bodyGone(row);
  const { messageId, at } = await send(deps, row, body);
  const entry: HistoryEntry = { at, event: 'redriven (operator)', messageId, note: auditNote(deps) };
  await deps.ledger.update(row.key, (now) => ({
    ...now,
    ...(now.state === 'dead' && now.generation === row.generation ? { redrivenAt: at } : {}),
    history: withSend(now.history, entry),
  }));
  return { messageId };
}

/** The send is noted after it, because it may fail. If a worker has run the message by then, the note goes before that. */
function withSend(history: HistoryEntry[], entry: HistoryEntry): HistoryEntry[] {
  const list = appended(history, entry);
  const at = list.findIndex(({ messageId, event }) => messageId === entry.messageId && event !== entry.event);
  return at < 0 ? list : [...list.slice(0, at), entry, ...list.slice(at, -1)];
}

/**
 * Writes the row first, because a worker acknowledges every message of a cancelled job, including a new one. If the send
 * then fails, the reconciler cancels the row as never sent, and it can be retried again.
 */
async function reopen(deps: ActingDeps, row: JobRow): Promise<Retried> {
  const at = deps.clock.now();
  const open = reopened(row, at, auditNote(deps));
  if (!row.bodyKept) {
    // Its own message is still in the queue.
    await decide(deps, row, open);
    return {};
  }
  const body = await keptBody(deps, row);
  if (body === undefined) throw bodyGone(row);
  const { sentAt: _sentAt, ...unsent } = open;
  await decide(deps, row, unsent);
  const { messageId, at: sentAt } = await send(deps, row, body);
  await deps.ledger.update(row.key, (now) =>
    now.state === 'queued' && now.sentAt === undefined
      ? noted({ ...now, sentAt }, { at: sentAt, event: 'sent', messageId })
      : undefined,
  );
  return { messageId };
}

/** `at` is taken before the send, so that everything the message causes has a later time. */
async function send(deps: OperatorDeps, row: JobRow, body: string): Promise<{ messageId: string; at: number }> {
  const deduplication = deduplicationId.redriven(row.id, row.generation);
  const at = deps.clock.now();
  const { messageId } = await deps.queues.send(
    deps.queueUrl(row.queue),
    backInQueue(deps, { row, body, deduplication }),
  );
  return { messageId, at };
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
    const carriesIt = attributes[ATTRIBUTE.job] === row.id && attributes[ATTRIBUTE.body] === undefined;
    if (carriesIt && isBodyOf(body, row)) found = body;
    return found === undefined;
  });
  if (found !== undefined || (whole && inFlight === 0)) return found;
  throw new OperatorError(
    `${row.id}: its body is gone from the bucket, and its DLQ entry is hidden or too far back. Try again in a few minutes, or within 11 hours if the DLQ is very large.`,
  );
}
