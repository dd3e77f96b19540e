import { keptBody } from '../jobs/finish';
import { withSend } from '../jobs/history';
import { deduplicationId } from '../jobs/keys';
import { backInQueue } from '../jobs/park';
import type { JobRow } from '../jobs/row';
import { reopen as reopened } from '../jobs/transitions';
import { entryBody } from './entry-body';
import { decide, noted, type OperatorDeps, OperatorError, stateOf } from './operator';

/** The message that a retry sent; none where the job's own is still in its queue. */
export interface Retried {
  messageId?: string;
}

/**
 * Brings a dead or cancelled job back into its queue, in its old group; it goes on at the first step without a result.
 * Harmless twice. Rejects with an OperatorError where the job has not ended so, or where its body is gone.
 */
export async function retry(deps: OperatorDeps, row: JobRow): Promise<Retried> {
  if (row.state === 'dead') return redrive(deps, row);
  if (row.state === 'cancelled') return reopen(deps, row);
  const hint = row.state === 'held' ? `; ${HELD[row.reason ?? ''] ?? 'it goes on by itself'}` : '';
  throw new OperatorError(
    `${row.id} is ${stateOf(row)}${hint}: only a dead or cancelled job can be brought back (sls jobs retry).`,
  );
}

const HELD: Record<string, string> = { unknown: 'settle its step (sls jobs settle)' };

/**
 * Message first, as in every transition: the row stays dead until the message is claimed, which reopens it, and the
 * reconciler then deletes the entry in the DLQ. A repeat before that carries the same deduplication id.
 */
async function redrive(deps: OperatorDeps, row: JobRow): Promise<Retried> {
  const body = (await keptBody(deps, row)) ?? (await entryBody(deps, row));
  if (body === undefined) throw gone(row);
  const { messageId, at } = await send(deps, row, body);
  const entry = { at, event: 'redriven (operator)' as const, messageId };
  await deps.ledger.update(row.key, (now) => ({ ...now, history: withSend(now.history, entry) }));
  return { messageId };
}

/**
 * Row first: what an operator cancelled acknowledges its messages, a new one as well. Should the message then not be
 * sent, the reconciler cancels the row as never sent, and it can be retried again.
 */
async function reopen(deps: OperatorDeps, row: JobRow): Promise<Retried> {
  const at = deps.clock.now();
  const open = reopened(row, at);
  if (!row.bodyKept) {
    // Its message has not come since: it would have left its body. One that came before and was acknowledged never will.
    const acknowledged = row.left.includes(row.deliveries.at(-1)?.messageId ?? '');
    if (row.reason !== 'operator' || row.sentAt === undefined || acknowledged) throw gone(row);
    await decide(deps, row, open);
    return {};
  }
  const body = await keptBody(deps, row);
  if (body === undefined) throw gone(row);
  const { sentAt: _sentAt, ...unsent } = open;
  await decide(deps, row, unsent);
  const { messageId, at: sentAt } = await send(deps, row, body);
  await deps.ledger.update(row.key, (now) =>
    now.state === 'queued' && now.sentAt === undefined
      ? noted({ ...now, sentAt }, sentAt, 'sent', messageId)
      : undefined,
  );
  return { messageId };
}

/** `at` is before the send: what the message causes is later. */
async function send(deps: OperatorDeps, row: JobRow, body: string): Promise<{ messageId: string; at: number }> {
  const deduplication = deduplicationId.redriven(row.id, row.opened);
  const at = deps.clock.now();
  const { messageId } = await deps.queues.send(
    deps.queueUrl(row.queue),
    backInQueue(deps, { row, body, deduplication }),
  );
  return { messageId, at };
}

const gone = (row: JobRow): OperatorError =>
  new OperatorError(
    `${row.id} is ${stateOf(row)} and its body is gone, from the bucket and the DLQ: whoever sent it must send it again.`,
  );
