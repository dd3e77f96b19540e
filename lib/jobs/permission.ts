import type { Log, Metrics, ReceivedMessage } from '../ports';
import { isClosed } from './arrows';
import { checkTime, isRandomId, parseEnvelope } from './envelope';
import { asProblem, disowned, type Resolved } from './identify';
import { invalidId } from './keys';
import { rowOfMessage } from './new-row';
import { ATTRIBUTE } from './park';
import { recordedRow } from './record';
import type { JobRow } from './row';

/*
 * The row is the permission, a message is a wake-up. A sender can wake a job whose row allows it, and do nothing else.
 * So release, return and retry write the row before they send. Our own messages carry the random of the row (`token`),
 * and a row that has one is opened by no other message. A dead job is opened only by the DLQ entry of its last end,
 * which an operator has redriven with AWS's own tools.
 */

/** What a message may do to its job. `late`: the job has left the queue. `refused`: the message is not one of ours. */
export function permission(
  row: JobRow,
  { messageId, attributes }: Pick<ReceivedMessage, 'messageId' | 'attributes'>,
  { named, payloadHash }: { named?: true | undefined; payloadHash?: string | undefined },
): 'run' | 'late' | 'refused' {
  if (row.spentMessageIds.includes(messageId)) return 'late';
  if ((row.token !== undefined || named) && row.token !== attributes[ATTRIBUTE.token]) return 'refused';
  // A body that we keep gives its row a random. So no message of ours is about such a row and has no body.
  if (row.token === undefined && payloadHash === undefined) return 'refused';
  if (row.state !== 'dead') return isClosed(row) ? 'late' : 'run';
  return attributes.code !== undefined && attributes[ATTRIBUTE.parkedFrom] === row.parkedFrom ? 'run' : 'late';
}

/** A message that opens nothing, or one that gets an id of its own instead. */
export type NotFirst = { kind: 'refused' } | { kind: 'disowned'; as: Resolved };

/**
 * The row of a message's job, if the table has none: from the job's record, or as the message describes it. A message
 * of another sender is how its job begins. Ours are about rows, unless the producer could write none for a job without
 * a key.
 */
export async function firstRow(
  deps: Parameters<typeof recordedRow>[0],
  resolved: Resolved,
  message: Pick<ReceivedMessage, 'messageId' | 'sentAt'> & {
    queue: string;
    group: string | undefined;
    retention: number;
  },
): Promise<JobRow | NotFirst> {
  const { queue, group, sentAt, messageId, retention } = message;
  const { id, envelope, token } = resolved;
  const made = rowOfMessage(resolved, { queue, group, sentAt, now: deps.clock.now() });
  const row = await recordedRow(deps, made);
  if (row !== made) return row;
  if (resolved.named || (token !== undefined && envelope && !isRandomId(id))) return { kind: 'refused' };
  if (!envelope) return made;
  const own = parseEnvelope(resolved.body, { from: 'others' }).id;
  if (own !== id && token === undefined)
    return { kind: 'disowned', as: { ...resolved, id: own, envelope: { ...envelope, id: own } } };
  try {
    checkTime(envelope, { oldest: sentAt - retention * 1000, sentAt });
    return made;
  } catch (error) {
    return { kind: 'disowned', as: { ...disowned(resolved, invalidId(messageId)), problem: asProblem(error) } };
  }
}

/** Counts and logs a message that opens nothing. Its sender gets no answer, because SQS has taken it. */
export function refuse(
  { log, metrics }: { log: Log; metrics: Metrics },
  facts: { queue: string; jobId: string | undefined; messageId: string; receiveCount: number },
): void {
  metrics.add('IllegalTransitions', 1, 'Count', {});
  log.error('a message that is not one of ours opened nothing', facts);
}
