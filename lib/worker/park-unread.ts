import { publicForm } from '../jobs/envelope';
import type { FinishDeps } from '../jobs/finish';
import { resolve } from '../jobs/identify';
import { bodyKey, deduplicationId, invalidId, isInvalidId, jobKey } from '../jobs/keys';
import { fitting } from '../jobs/park';
import type { UnreadableRowError } from '../jobs/stored-row';
import type { Log, ReceivedMessage } from '../ports';

type Deps = Pick<FinishDeps, 'ledger' | 'objects' | 'queues' | 'prefix' | 'settings' | 'dlqUrl'> & { log: Log };
type Unread = Pick<ReceivedMessage, 'messageId' | 'body' | 'attributes' | 'groupId' | 'sequenceNumber'>;

/**
 * Parks a message whose job's row or record does not parse, and returns the id of that row. Nothing runs the job or
 * writes the row until a person has restored it. Then the reconciler returns the message
 * (lib/reconcile/judge-entry.ts).
 */
export async function parkUnread(
  deps: Deps,
  { queue, message }: { queue: string; message: Unread },
  { code, message: text, field = 'row', job }: UnreadableRowError,
): Promise<string> {
  const { id: found, body, token } = await resolve({ ...deps, queue }, message);
  const { messageId, groupId: group, sequenceNumber: sequence } = message;
  const own = invalidId(messageId);
  // An earlier run may have given the message a row of its own.
  const id = !isInvalidId(found) && (await deps.ledger.has(jobKey(queue, own))) ? own : (job ?? found);
  const attributes = {
    ...{ reason: 'error', code, message: text, field, messageId },
    ...(token === undefined ? {} : { token }),
    ...(group ? { group: publicForm('group', group) } : {}),
    ...(sequence ? { sequence } : {}),
  };
  const fifo = deps.settings(queue).type === 'fifo';
  const entry = fitting(
    { body, attributes, ...(fifo ? { groupId: id, deduplicationId: deduplicationId.unread(id, messageId) } : {}) },
    id,
  );
  // A kept body may be that of another job with this id, whose row cannot be read.
  if (entry.body !== body) await deps.objects.create(bodyKey(deps.prefix, queue, id), body, 'application/json');
  await deps.queues.send(deps.dlqUrl(queue), entry);
  deps.log.error('the row of this job does not parse', { queue, jobId: id, messageId, code, field });
  return id;
}
