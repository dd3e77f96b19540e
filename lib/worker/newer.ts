import { resolve } from '../jobs/identify';
import { bodyKey, deduplicationId, dlqUrlOfArn, invalidId, isInvalidId, jobKey } from '../jobs/keys';
import { ATTRIBUTE, fitting } from '../jobs/park';
import { NEWER_ROW, NewerRowError } from '../jobs/row-schema';
import { type DeliveryRun, isLastReceive } from './delivery';
import type { Disposition } from './outcome';

/**
 * Leaves a message to newer code, because that code wrote the job's row or record. The message waits in its queue while a
 * deployment may still be under way, then in the DLQ. The reconciler of the first release that knows the row returns it.
 */
export async function leaveToNewer(delivery: DeliveryRun): Promise<Disposition> {
  const { deps, contract, message } = delivery;
  const { queue } = contract;
  const { id: named, body } = await resolve({ ...deps, queue }, message);
  const id = await rowIdOf(delivery, named);
  deps.log.error('newer code wrote the row of this job', {
    queue,
    jobId: id,
    messageId: message.messageId,
    receiveCount: message.receiveCount,
    code: NEWER_ROW,
  });
  if (!isLastReceive(message, deps.settings(queue))) {
    deps.metrics.add('JobsRetried', 1, 'Count', { queue });
    return { acknowledge: false, visibilityMs: deps.storeWait * 1000 };
  }
  const { message: text } = new NewerRowError();
  const { messageId, group, sequence } = message;
  const attributes = { reason: 'newer', code: NEWER_ROW, message: text, messageId };
  const fifo = deps.settings(queue).type === 'fifo';
  const entry = fitting(
    {
      body,
      attributes: {
        ...attributes,
        ...(group ? { group } : {}),
        ...(sequence ? { sequence } : {}),
        // In the DLQ the message gets another id, so nothing else would lead back to its own row.
        ...(isInvalidId(id) ? { [ATTRIBUTE.job]: id } : {}),
      },
      ...(fifo ? { groupId: id, deduplicationId: deduplicationId.leftToNewer(id, messageId) } : {}),
    },
    id,
  );
  // A kept body may be that of another job with this id, whose row this code cannot read.
  if (entry.body !== body) await deps.objects.create(bodyKey(deps.prefix, queue, id), body, 'application/json');
  await deps.queues.send(dlqUrlOfArn(message.queueArn), entry);
  return { acknowledge: true };
}

/** The id of the row that the message's run must not write: the message's own row, if an earlier run gave it one. */
async function rowIdOf({ deps, contract, message }: DeliveryRun, id: string): Promise<string> {
  const own = invalidId(message.messageId);
  const hasOwn = await deps.ledger.get(jobKey(contract.queue, own)).then(
    (row) => row !== undefined,
    (error: unknown) => {
      if (error instanceof NewerRowError) return true;
      throw error;
    },
  );
  return hasOwn ? own : id;
}
