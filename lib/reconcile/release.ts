import { keptBody } from '../jobs/body';
import { deduplicationId, todoKey } from '../jobs/keys';
import { backInQueue } from '../jobs/park';
import type { JobRow } from '../jobs/row';
import { storedError } from '../jobs/stored-error';
import { release as released } from '../jobs/transitions';
import { endAsDamaged, endedIfDamaged } from './damaged';
import type { ReconcileDeps } from './deps';
import { eachDue } from './due';
import type { ReconcileRun, Work } from './run';

/** Sends held jobs whose wait is over back to their queue. */
export const releaseDue: Work = (deps, queue, mayGoOn) =>
  releaseEach(deps, { queue, todo: todoKey(queue, 'held'), mayGoOn });

/**
 * Releases the due jobs side by side, as far as their queue has room (lib/reconcile/pace.ts). Jobs of one group keep
 * their order. `wanted` selects the jobs.
 */
export async function releaseEach(
  deps: ReconcileRun,
  { queue, todo, mayGoOn }: { queue: string; todo: string; mayGoOn: () => boolean },
  wanted: (row: JobRow) => Promise<boolean> = async () => true,
): Promise<void> {
  const turn = deps.pace.turn(queue, todo);
  await eachDue(
    deps,
    {
      todo,
      mayGoOn: () => mayGoOn() && turn.full() === 'no',
      newest: turn.forNewest,
      lineOf: ({ group, key }) => group ?? key,
    },
    async (row) => {
      if (await wanted(row)) await turn.release(() => release(deps, row));
    },
  );
  await turn.end();
  if (turn.full() === 'for now') deps.again((next, mayGoOn) => releaseEach(next, { queue, todo, mayGoOn }, wanted));
}

/**
 * Sends the message, then writes the row. If the write is lost, the next run repeats the release under the same
 * deduplication id. If a worker gets the message before the write, it claims the job from `held`.
 */
export async function release(deps: ReconcileDeps & Partial<Pick<ReconcileRun, 'pace'>>, row: JobRow): Promise<void> {
  const { queues, ledger, clock, log } = deps;
  if (await endedIfDamaged(deps, row)) return;
  const { body, problem } = await keptBody(deps, row);
  if (problem) return endAsDamaged(deps, row, { error: storedError(problem), applies: (now) => isSameHold(now, row) });
  const message = backInQueue(deps, { row, body, deduplication: deduplicationId.released(row.id, row.holds) });
  const { messageId, sequenceNumber: sequence } = await queues.send(deps.queueUrl(row.queue), message);
  deps.pace?.released(row);
  const at = clock.now();
  await ledger.update(
    row.key,
    (now) => (isSameHold(now, row) ? released(now, { at, messageId, sequence }) : undefined),
    row,
  );
  log.info('released', { queue: row.queue, jobId: row.id, messageId, reason: row.reason, holds: row.holds });
}

const isSameHold = (now: JobRow, row: JobRow): boolean => now.state === 'held' && now.holds === row.holds;
