import { PermanentError } from '../errors';
import { completionOf } from '../jobs/completion';
import { finish } from '../jobs/finish';
import { noted } from '../jobs/history';
import { bodyKey, type TodoKind, todoKey, todoKeys } from '../jobs/keys';
import { keepsEntry } from '../jobs/park';
import { type JobRow, storedError } from '../jobs/row';
import { expire, neverSent } from '../jobs/transitions';
import { eachDue } from './due';
import { resolveByEvidence } from './fold-evidence';
import type { ReconcileRun, Work } from './run';

/** Writes the missing record or DLQ entry of an ended job, and resolves its steps for which evidence has come. */
export const completeEnds: Work = (deps, queue, mayGoOn) =>
  eachOfKind(deps, { queue, kind: 'ending', mayGoOn }, async (row) => {
    await finish(deps, (await resolveByEvidence(deps, row)) ?? row);
  });

/** Cancels a row without a message: the producer died, or its send failed. A late message reopens the row. */
export const cancelUnsent: Work = (deps, queue, mayGoOn) =>
  eachOfKind(deps, { queue, kind: 'unsent', mayGoOn }, (row) => end(deps, row, neverSent(row, deps.clock.now())));

const EXPIRED = storedError(
  new PermanentError({ code: 'Expired', message: "the message outlived its queue's retention" }),
);

/** Ends jobs whose message has expired. SQS deletes such a message without telling its sender. */
export const endExpired: Work = (deps, queue, mayGoOn) =>
  eachOfKind(deps, { queue, kind: 'waiting', mayGoOn }, (row) =>
    end(deps, row, expire(row, { at: deps.clock.now(), error: EXPIRED })),
  );

/** Notes DLQ entries that have expired. The job's body stays in S3 for a retry. */
export const noteGoneEntries: Work = (deps, queue, mayGoOn) => {
  const at = deps.clock.now();
  const until = at - deps.settings(queue).dlqRetention * 1000;
  return eachDue(deps, { todo: todoKey(queue, 'dead'), mayGoOn, until }, async (row) => {
    await deps.ledger.update(row.key, (now) =>
      now.parkedAt === row.parkedAt && keepsEntry(now)
        ? noted({ ...now, leftDlqAt: at }, { at, event: 'DLQ entry expired' })
        : undefined,
    );
  });
};

/** Publishes the end of a job that was never sent, when its message can no longer come. */
export const publishUnsent: Work = async (deps, queue, mayGoOn) => {
  const { events, ledger } = deps;
  if (!events) return;
  await eachDue(deps, { todo: todoKey(queue, 'unpublished'), mayGoOn }, async (row) => {
    await events.publish(completionOf(row));
    await ledger.update(row.key, ({ publishFrom: _published, ...now }) => (now.todo === row.todo ? now : undefined));
  });
};

/** Deletes the kept body of an ended job a day before its row expires. */
export const dropBodies: Work = (deps, queue, mayGoOn) =>
  eachDue(deps, { todo: todoKey(queue, 'kept'), mayGoOn }, async (row) => {
    // Other rows of the page came before, so the job may have been opened since.
    if ((await deps.ledger.get(row.key))?.version !== row.version) return;
    await deps.objects.delete(bodyKey(deps.prefix, queue, row.id));
    // A job that was opened during the delete must keep its body again.
    const isOpen = ({ state }: JobRow) => state === 'queued' || state === 'processing';
    await deps.ledger.update(row.key, (now) =>
      now.bodyKept && (now.todo === row.todo || isOpen(now)) ? { ...now, bodyKept: false } : undefined,
    );
  });

/** Runs `eachDue` on all shards of a kind side by side, so that a full shard does not delay the others. */
async function eachOfKind(
  deps: ReconcileRun,
  { queue, kind, mayGoOn }: { queue: string; kind: TodoKind; mayGoOn: () => boolean },
  act: (row: JobRow) => Promise<void>,
): Promise<void> {
  const shards = todoKeys(queue, kind).map((todo) => eachDue(deps, { todo, mayGoOn }, act));
  await Promise.allSettled(shards);
  await Promise.all(shards);
}

/** Ends a row, unless the row has changed since it was read. */
async function end(deps: ReconcileRun, row: JobRow, ended: JobRow): Promise<void> {
  if (ended.reason === 'expired') await deps.tell({ kind: 'jobs-expired', subject: row.queue, jobId: row.id });
  const result = await deps.ledger.write(ended, row.version);
  if (result.written) await finish(deps, result.item);
}
