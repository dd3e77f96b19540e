import { resolve } from '../jobs/identify';
import { bodyKey, deduplicationId, dlqUrlOfArn, invalidId, isInvalidId, jobKey } from '../jobs/keys';
import { fitting } from '../jobs/park';
import { UnreadableRowError } from '../jobs/stored-row';
import type { DeliveryRun } from './delivery';
import type { Disposition } from './outcome';

/**
 * Parks a message whose job's row or record does not parse. Nothing runs the job or writes the row until a person has
 * restored it. Then the reconciler returns the message (lib/reconcile/judge-entry.ts).
 */
export async function parkUnread(
  delivery: DeliveryRun,
  { code, message: text, field = 'row' }: UnreadableRowError,
): Promise<Disposition> {
  const { deps, contract, message } = delivery;
  const { queue } = contract;
  const { id: named, body } = await resolve({ ...deps, queue }, message);
  const id = await rowIdOf(delivery, named);
  const { messageId, group, sequence } = message;
  const attributes = {
    ...{ reason: 'error', code, message: text, field, messageId },
    ...(group ? { group } : {}),
    ...(sequence ? { sequence } : {}),
  };
  const fifo = deps.settings(queue).type === 'fifo';
  const entry = fitting(
    { body, attributes, ...(fifo ? { groupId: id, deduplicationId: deduplicationId.unread(id, messageId) } : {}) },
    id,
  );
  // A kept body may be that of another job with this id, whose row cannot be read.
  if (entry.body !== body) await deps.objects.create(bodyKey(deps.prefix, queue, id), body, 'application/json');
  await deps.queues.send(dlqUrlOfArn(message.queueArn), entry);
  deps.log.error('the row of this job does not parse', { queue, jobId: id, messageId, code, field });
  return { acknowledge: true };
}

/** The id of the row that the message's run must not write: the message's own row, if an earlier run gave it one. */
async function rowIdOf({ deps, contract, message }: DeliveryRun, id: string): Promise<string> {
  const own = invalidId(message.messageId);
  if (isInvalidId(id)) return id;
  const hasOwn = await deps.ledger.get(jobKey(contract.queue, own)).then(
    (row) => row !== undefined,
    (error: unknown) => {
      if (error instanceof UnreadableRowError) return true;
      throw error;
    },
  );
  return hasOwn ? own : id;
}
