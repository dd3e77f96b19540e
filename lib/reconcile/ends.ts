import { mapEach, throughAll } from '../concurrency';
import { PermanentError } from '../errors';
import { type FileNote, isWhole } from '../jobs/files';
import { everyDue, isFirstMinuteOfHour, readItem, updateItem } from '../jobs/items';
import { bodyKey, type TodoKind, todoKey, todoKeys } from '../jobs/keys';
import { completionOf } from '../jobs/record';
import { type JobRow, noted, storedError } from '../jobs/row';
import { expiresAfter, isSentFromKept, keepsEntry } from '../jobs/schedule';
import { expire, neverSent } from '../jobs/transitions';
import { finish } from '../worker/close';
import { dlqCounts, entriesIn } from './dead-letters';
import { eachDue } from './due';
import { resolveByEvidence } from './fold-evidence';
import { endWithoutBody, sendAgain } from './release';
import type { ReconcileDeps, ReconcileRun, Work } from './run';

/** Writes the missing record or DLQ entry of an ended job, and resolves its steps for which evidence has come. */
export const completeEnds: Work = (deps, queue, mayGoOn) =>
  eachOfKind(deps, { queue, kind: 'ending', mayGoOn }, async (row) => {
    await finish(deps, (await resolveByEvidence(deps, row)) ?? row);
  });

/** Sends the message of a job that was opened again. Cancels a row whose producer died, or whose send failed. */
export const sendUnsent: Work = (deps, queue, mayGoOn) =>
  eachOfKind(deps, { queue, kind: 'unsent', mayGoOn }, async (row) => {
    if (!isSentFromKept(row)) await end(deps, row, neverSent(row, deps.clock.now()));
    else if (!(await sendAgain(deps, row))) await endWithoutBody(deps, row);
  });

/** SQS counts approximately, and counts lag behind by up to a minute. */
const UNCLAIMED_MS = 10 * 60_000;

/** Sends a job again that no worker has claimed although its queue is empty, or reports it if its body is not kept. */
export const sendUnclaimed: Work = async (deps, queue, mayGoOn) => {
  const { clock, queues, settings, queueUrl } = deps;
  const now = clock.now();
  if (new Date(now).getUTCMinutes() % 5 !== 0 || (await entriesIn(queues, queueUrl(queue))) > 0) return;
  if ((await dlqCounts(deps, queue)).surplus !== 0) return;
  const until = now - UNCLAIMED_MS + expiresAfter(settings(queue));
  await eachOfKind(deps, { queue, kind: 'waiting', mayGoOn, until }, async (row) => {
    const { state, updatedAt, retryAt = 0 } = row;
    if (state !== 'queued' || Math.max(updatedAt, retryAt) > now - UNCLAIMED_MS || (await sendAgain(deps, row))) return;
    await deps.report({ kind: 'jobs-unclaimed', subject: queue, jobId: row.id });
  });
};

const EXPIRED = storedError(
  new PermanentError({ code: 'Expired', message: "the message outlived its queue's retention" }),
);

/** Ends jobs whose message has expired. SQS deletes such a message without notice. */
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

const AT_ONCE = 16;
const DAY_MS = 24 * 60 * 60_000;

/**
 * Deletes uploaded files when the rows of all jobs that name them are gone. While a row is there, an operator can retry
 * its job, and a repeated call finds it. Until then it looks again each day, in one run an hour.
 */
export async function dropFiles(deps: ReconcileDeps, queue: string, mayGoOn: () => boolean): Promise<void> {
  if (!isFirstMinuteOfHour(deps.clock)) return;
  const todo = todoKey(queue, 'files');
  const drop = async (key: string) => {
    if (!mayGoOn()) return;
    const note = (await readItem(deps, key)) as FileNote | undefined;
    if (note?.todo === todo && (note.todoAt ?? 0) <= deps.clock.now()) await dropFile(deps, note);
  };
  await throughAll(everyDue(deps, { todo, mayGoOn }), (keys) => throughAll(keys, drop, AT_ONCE));
}

async function dropFile(deps: ReconcileDeps, note: FileNote): Promise<void> {
  const now = deps.clock.now();
  const rows = isWhole(note) ? await mapEach(note.jobs, AT_ONCE, (job) => readItem(deps, job)) : [];
  // A note that waits names a job. If it has lost its jobs, nothing says who needs the file.
  const isNeeded = rows.length === 0 || rows.some((row) => row !== undefined);
  if (!isNeeded) await deps.objects.delete(note.object);
  // A producer may have added a job meanwhile. Then the note stays as it is.
  const looked = (stored: FileNote | undefined): FileNote | undefined => {
    if (stored?.version !== note.version) return undefined;
    if (isNeeded) return { ...stored, todoAt: now + DAY_MS };
    const { todo: _todo, todoAt: _todoAt, ...rest } = stored;
    return { ...rest, jobs: [], expiresAt: Math.ceil((now + DAY_MS) / 1000) } as unknown as FileNote;
  };
  await updateItem<FileNote>(deps, note.key, looked, note);
}

/** Runs `eachDue` on all shards of a kind side by side, so that a full shard does not delay the others. */
async function eachOfKind(
  deps: ReconcileRun,
  { queue, kind, ...rest }: { queue: string; kind: TodoKind; mayGoOn: () => boolean; until?: number },
  act: (row: JobRow) => Promise<void>,
): Promise<void> {
  const shards = todoKeys(queue, kind).map((todo) => eachDue(deps, { todo, ...rest }, act));
  await Promise.allSettled(shards);
  await Promise.all(shards);
}

/** Ends a row, unless the row has changed since it was read. */
async function end(deps: ReconcileRun, row: JobRow, ended: JobRow): Promise<void> {
  if (ended.reason === 'expired') await deps.report({ kind: 'jobs-expired', subject: row.queue, jobId: row.id });
  const result = await deps.ledger.write(ended, row.version);
  if (result.written) await finish(deps, result.item);
}
