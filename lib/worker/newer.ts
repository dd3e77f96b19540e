import { countOutcome } from '../jobs/count-outcome';
import { resolve } from '../jobs/identify';
import { bodyKey, deduplicationId, dlqUrlOfArn } from '../jobs/keys';
import { fitting } from '../jobs/park';
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
  const { id, body } = await resolve({ ...deps, queue }, message);
  deps.log.error('newer code wrote the row of this job', {
    queue,
    jobId: id,
    messageId: message.messageId,
    receiveCount: message.receiveCount,
    code: NEWER_ROW,
  });
  if (!isLastReceive(message, deps.settings(queue))) {
    countOutcome(deps.metrics, { queue, name: 'JobsRetried', kind: 'newer' });
    return { acknowledge: false, visibilityMs: deps.storeWait * 1000 };
  }
  const { message: text } = new NewerRowError();
  const { messageId, group, sequence } = message;
  const attributes = { reason: 'newer', code: NEWER_ROW, message: text, messageId };
  const fifo = deps.settings(queue).type === 'fifo';
  const entry = fitting(
    {
      body,
      attributes: { ...attributes, ...(group ? { group } : {}), ...(sequence ? { sequence } : {}) },
      ...(fifo ? { groupId: id, deduplicationId: deduplicationId.leftToNewer(id, messageId) } : {}),
    },
    id,
  );
  if (entry.body !== body) await deps.objects.put(bodyKey(deps.prefix, queue, id), body, 'application/json');
  await deps.queues.send(dlqUrlOfArn(message.queueArn), entry);
  return { acknowledge: true };
}
