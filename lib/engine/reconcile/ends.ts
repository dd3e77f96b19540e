import { mapEach, throughAll } from '../../platform/concurrency';
import { PermanentError } from '../../platform/errors';
import { type FileNote, isWhole } from '../jobs/files';
import { everyDue, isFirstMinuteOfHour, readItem, updateItem, writeItem } from '../jobs/items';
import { bodyKey, evidenceKey, jobKey, todoKey, todoKeys } from '../jobs/keys';
import { appended, type Evidence, isEnd, type JobRow, provenResult, storedError, withEntry } from '../jobs/row';
import { evidenceSchema } from '../jobs/row-schema';
import { expiresAfter, isSentFromKept, keepsEntry, provenSteps, todoOf } from '../jobs/schedule';
import { expire, neverSent } from '../jobs/transitions';
import { countEnd, finish } from '../worker/close';
import type { ReconcileDeps, ReconcileRun, Work } from './contract';
import { dlqCounts, entriesIn } from './dead-letters';
import { eachDue } from './due';
import { endWithoutBody, sendAgain } from './release';
import { unreadIn } from './returns';

/** SQS counts approximately, and counts lag behind by up to a minute. */
const UNCLAIMED_MS = 10 * 60_000;

const EXPIRED = storedError(
  new PermanentError({ code: 'Expired', message: "the message outlived its queue's retention" }),
);

/**
 * Goes on with each active job whose next write is late. An ended one gets its record or DLQ entry, one that is to be
 * sent is sent or cancelled, and one whose message has expired ends. Every five minutes it also finds the jobs that no
 * worker has claimed although their queue is empty.
 */
export const goOnWithLate: Work = async (deps, queue, mayGoOn) => {
  const now = deps.clock.now();
  const unclaimed = await mayHaveUnclaimed(deps, queue);
  const until = unclaimed ? now - UNCLAIMED_MS + expiresAfter(deps.settings(queue)) : now;
  const goOn = async (row: JobRow) => {
    const next = todoOf(row, deps.settings(queue));
    if ((row.todoAt ?? 0) > now) await sendUnclaimed(deps, row);
    // It came too early. Only the entry moves: `updatedAt` stays, because other times follow from it.
    else if (next && next.todoAt > now) await writeItem(deps, { ...row, ...next }, row.version);
    else if (isEnd(row.state)) await finish(deps, await resolveByEvidence(deps, row));
    else if (row.state === 'queued' && row.sentAt === undefined) await sendUnsent(deps, row);
    // SQS deletes a message that has expired without notice.
    else await end(deps, row, expire(row, { at: now, error: EXPIRED }));
  };
  const todos = todoKeys(queue, 'active');
  // Side by side, so that a full key does not delay the others.
  await throughAll(todos, (todo) => eachDue(deps, { todo, mayGoOn, until }, goOn), todos.length);
};

/** Sends the message of a job that was opened again. Cancels a row whose producer died, or whose send failed. */
async function sendUnsent(deps: ReconcileRun, row: JobRow): Promise<void> {
  if (!isSentFromKept(row)) await end(deps, row, neverSent(row, deps.clock.now()));
  else if (!(await sendAgain(deps, row))) await endWithoutBody(deps, row);
}

async function mayHaveUnclaimed(deps: ReconcileRun, queue: string): Promise<boolean> {
  const { clock, queues, queueUrl } = deps;
  if (new Date(clock.now()).getUTCMinutes() % 5 !== 0 || (await entriesIn(queues, queueUrl(queue))) > 0) return false;
  // Entries that are neither of dead jobs nor wait for a row may be of these. If a person deleted some, there are fewer.
  const { surplus } = await dlqCounts(deps, queue);
  return surplus <= 0 || surplus <= (await unreadIn(deps, queue));
}

/** Sends a job again that no worker has claimed, or reports it if its body is not kept. */
async function sendUnclaimed(deps: ReconcileRun, row: JobRow): Promise<void> {
  const { state, sentAt, updatedAt, retryAt = 0 } = row;
  if (state !== 'queued' || sentAt === undefined) return;
  if (Math.max(updatedAt, retryAt) > deps.clock.now() - UNCLAIMED_MS || (await sendAgain(deps, row))) return;
  await deps.report({ kind: 'jobs-unclaimed', subject: row.queue, jobId: row.id });
}

/** Marks the rows of DLQ entries that have expired. The job's body stays in S3 for a retry. */
export const markExpiredEntries: Work = (deps, queue, mayGoOn) => {
  const at = deps.clock.now();
  const until = at - deps.settings(queue).dlqRetention * 1000;
  return eachDue(deps, { todo: todoKey(queue, 'dead'), mayGoOn, until }, async (row) => {
    await deps.ledger.update(row.key, (now) =>
      now.parkedAt === row.parkedAt && keepsEntry(now)
        ? withEntry({ ...now, leftDlqAt: at }, { at, event: 'DLQ entry expired' })
        : undefined,
    );
  });
};

/** Deletes the kept body of an ended job a day before its row expires. */
export const dropBodies: Work = async (deps, queue, mayGoOn) => {
  const drop = async (row: JobRow) => {
    // Other rows of the page came before, so the job may have been opened since.
    if ((await deps.ledger.get(row.key))?.version !== row.version) return;
    await deps.objects.delete(bodyKey(deps.prefix, queue, row.id));
    // A job that was opened during the delete must keep its body again.
    const isOpen = ({ state }: JobRow) => state === 'queued' || state === 'processing';
    await deps.ledger.update(row.key, (now) =>
      now.bodyKept && (now.todo === row.todo || isOpen(now)) ? { ...now, bodyKept: false } : undefined,
    );
  };
  for (const kind of ['kept', 'expired'] as const) await eachDue(deps, { todo: todoKey(queue, kind), mayGoOn }, drop);
};

const FILES_AT_ONCE = 16;
const DAY_MS = 24 * 60 * 60_000;

/**
 * Deletes uploaded files when the rows of all jobs that name them are gone. While a row is there, an operator can retry
 * its job, and a repeated call finds it. Until then it checks again each day, in one run an hour.
 */
export async function dropFiles(deps: ReconcileDeps, queue: string, mayGoOn: () => boolean): Promise<void> {
  if (!isFirstMinuteOfHour(deps.clock)) return;
  const todo = todoKey(queue, 'files');
  const drop = async (key: string) => {
    if (!mayGoOn()) return;
    const note = await readItem<FileNote>(deps, key);
    if (note?.todo === todo && (note.todoAt ?? 0) <= deps.clock.now()) await dropFile(deps, note);
  };
  await throughAll(everyDue(deps, { todo, mayGoOn }), (keys) => throughAll(keys, drop, FILES_AT_ONCE));
}

async function dropFile(deps: ReconcileDeps, note: FileNote): Promise<void> {
  const now = deps.clock.now();
  const rows = isWhole(note) ? await mapEach(note.jobs, FILES_AT_ONCE, (job) => readItem(deps, job)) : [];
  // A note that waits names a job. If it has lost its jobs, nothing says who needs the file.
  const isNeeded = rows.length === 0 || rows.some((row) => row !== undefined);
  if (!isNeeded) await deps.objects.delete(note.object);
  // A producer may have added a job meanwhile. Then the note stays as it is.
  const checked = (stored: FileNote | undefined): FileNote | undefined => {
    if (stored?.version !== note.version) return undefined;
    if (isNeeded) return { ...stored, todoAt: now + DAY_MS };
    const { todo: _todo, todoAt: _todoAt, ...rest } = stored;
    return { ...rest, jobs: [], expiresAt: Math.ceil((now + DAY_MS) / 1000) } as unknown as FileNote;
  };
  await updateItem<FileNote>(deps, note.key, checked, note);
}

/** Ends a row, unless the row has changed since it was read. */
async function end(deps: ReconcileRun, row: JobRow, ended: JobRow): Promise<void> {
  if (ended.reason === 'expired') await deps.report({ kind: 'jobs-expired', subject: row.queue, jobId: row.id });
  const result = await deps.ledger.write(ended, row.version);
  if (!result.written) return;
  if (ended.state === 'succeeded') countEnd(deps.metrics, ended);
  await finish(deps, result.item);
}

const EVIDENCE_AT_ONCE = 32;
const CLOCKS_APART_MS = 15 * 60_000;

/** Writes the evidence of vendors' events into the rows of their jobs, in any state, and deletes its items. */
export const foldEvidence: Work = async (deps, queue, mayGoOn) => {
  const step = deps.works[queue]?.provenStep;
  if (step === undefined) return;
  const prefix = evidenceKey(queue, step, '');
  for await (const keys of everyDue(deps, { todo: todoKey(queue, 'evidence'), mayGoOn }))
    await mapEach(keys, EVIDENCE_AT_ONCE, async (key) => {
      const id = key.slice(prefix.length);
      if (!mayGoOn() || !key.startsWith(prefix)) return;
      await fold(deps, { key, row: jobKey(queue, id), step }).catch((error: unknown) =>
        deps.failed({ queue, jobId: id, error }),
      );
    });
};

/** The row comes first. If the delete is lost, the next run finds that the row has evidence. */
async function fold(deps: ReconcileRun, { key, row, step }: { key: string; row: string; step: string }): Promise<void> {
  const item = await readItem(deps, key);
  if (!item) return;
  const evidence = item.evidence as Evidence;
  // Evidence that cannot be read proves nothing, and would damage the row.
  if (evidenceSchema.safeParse(evidence).success)
    await deps.ledger.update(row, (now) => {
      const { firstStartedAt = Number.POSITIVE_INFINITY, evidence: known = {} } = now;
      // Before the first run there was no effect. Another client on the vendor's account may claim one.
      if (known[step] || evidence.at < firstStartedAt - CLOCKS_APART_MS) return undefined;
      return { ...now, evidence: { ...known, [step]: evidence } };
    });
  await deps.table.delete(key, item.version);
}

/** Resolves the unknown steps of an ended job by evidence, and removes the mark of its record, which is out of date. */
async function resolveByEvidence({ ledger, clock }: ReconcileRun, row: JobRow): Promise<JobRow> {
  if (provenSteps(row).length === 0) return row;
  const at = clock.now();
  // If the job was reopened meanwhile, its next run resolves the steps.
  const { item } = await ledger.update(row.key, (now) => (isEnd(now.state) ? resolved(now, at) : undefined));
  return item ?? row;
}

function resolved({ recordedAt: _recordedAt, without = [], ...row }: JobRow, at: number): JobRow {
  const steps = { ...row.steps };
  let { result, history } = row;
  for (const [name, evidence] of provenSteps(row)) {
    const startedAt = steps[name]?.startedAt ?? evidence.at;
    steps[name] = { status: 'done', startedAt, endedAt: at, result: provenResult(evidence) };
    result = withProven(result, name);
    history = appended(history, { at, event: `${name} proven`, note: evidence.event });
  }
  const lacks = without.filter(({ what }) => steps[what]?.status !== 'done');
  return { ...row, steps, result, history, ...(lacks.length > 0 && { without: lacks }) };
}

/** A job's result may have the state of a step under its name. */
const withProven = (result: unknown, name: string): unknown =>
  typeof result === 'object' && result !== null && (result as Record<string, unknown>)[name] === 'unknown'
    ? { ...result, [name]: 'sent' }
    : result;
