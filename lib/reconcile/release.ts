import { PermanentError } from '../errors';
import { appended } from '../jobs/capped-list';
import { finish, keptBody } from '../jobs/finish';
import { deduplicationId, todoKey } from '../jobs/keys';
import { fitting } from '../jobs/park';
import type { JobRow } from '../jobs/row';
import { storedError } from '../jobs/stored-error';
import type { OutgoingMessage } from '../ports';
import { countOutcome } from '../worker/report';
import { eachDue, type ReconcileDeps, type Work } from './deps';

/** Sends held jobs whose time has come back to their queue. */
export const releaseDue: Work = (deps, queue, mayGoOn) =>
  eachDue(deps, { todo: todoKey(queue, 'held'), mayGoOn }, (row) => release(deps, row));

/**
 * Message first, then the row: a release that is lost in between is repeated under the same deduplication id, and a
 * message that overtakes its row's write is claimed from `held`.
 */
export async function release(deps: ReconcileDeps, row: JobRow): Promise<void> {
  const { queues, ledger, clock, log } = deps;
  const body = await keptBody(deps, row);
  if (body === undefined) return loseBody(deps, row);
  const message = backInQueue(deps, { row, body, deduplication: deduplicationId.released(row.id, row.holds) });
  const { messageId } = await queues.send(deps.queueUrl(row.queue), message);
  const at = clock.now();
  await ledger.update(row.key, (now) => {
    if (now.state !== 'held' || now.holds !== row.holds) return undefined;
    const { reason, dueAt, ...rest } = now;
    const history = appended(now.history, { at, event: 'released', messageId });
    // What waited for a person or a vendor was due only now: how long that took is told by the oldest held job.
    const due = reason === 'throttled' || reason === 'retry' ? (dueAt ?? at) : at;
    return { ...rest, state: 'queued', sentAt: at, due, history };
  });
  log.info('released', { queue: row.queue, jobId: row.id, messageId, reason: row.reason, holds: row.holds });
}

/** A job's message as it goes into its queue again; one with a stand-in needs its body in S3. */
export function backInQueue(
  { settings }: Pick<ReconcileDeps, 'settings'>,
  {
    row,
    body,
    attributes = {},
    deduplication,
  }: {
    row: Pick<JobRow, 'queue' | 'id' | 'group'>;
    body: string;
    attributes?: Record<string, string>;
    deduplication: string;
  },
): OutgoingMessage {
  const fifo = settings(row.queue).type === 'fifo';
  return fitting(
    { body, attributes, ...(fifo ? { groupId: row.group ?? row.id, deduplicationId: deduplication } : {}) },
    row.id,
  );
}

/** Somebody removed the body from the bucket: the job can end only one way, and says why. */
async function loseBody(deps: ReconcileDeps, row: JobRow): Promise<void> {
  const error = storedError(
    new PermanentError({ code: 'BodyMissing', message: 'the kept body is gone from the bucket' }),
  );
  const at = deps.clock.now();
  const { changed, item: ended } = await deps.ledger.update(row.key, (now) =>
    now.state === 'held' && now.holds === row.holds
      ? {
          ...now,
          state: 'dead',
          reason: 'error',
          error,
          endedAt: at,
          history: appended(now.history, { at, event: 'dead (error)', error }),
        }
      : undefined,
  );
  if (!changed) return;
  countOutcome(deps.metrics, { queue: row.queue, name: 'JobsParked', kind: error.class });
  await finish(deps, ended);
}
