import { ignoreStoreError, StoreError } from '../../platform/errors';
import type { Log, Metrics, ReceivedMessage } from '../../platform/ports';
import { publicForm } from '../jobs/envelope';
import { bodyKey, dataKey, deduplicationId, invalidId, isInvalidId, jobKey } from '../jobs/keys';
import { LeaseLostError } from '../jobs/ledger';
import { fitting, GONE, keepBody, keptBody, parkedMessage } from '../jobs/messages';
import { completionOf, isFinal, putRecord } from '../jobs/record';
import { type DeadReason, isEnd, type JobRow, lackedStep, present, type StoredError, storedError } from '../jobs/row';
import { UnreadableRowError } from '../jobs/row-schema';
import { needsEntry } from '../jobs/schedule';
import { giveBack, giveUp, hold, isCancelledByOperator, park, retry, stop, succeed } from '../jobs/transitions';
import { dropWitness, leaveWitness } from '../jobs/witness';
import { type Content, identify } from './claim';
import type { FinishDeps, Handling } from './contract';
import type { Decision } from './decide';
import type { Lease } from './steps';

/** What the message of an end said. */
type Said = Pick<Content, 'body' | 'envelope'>;

/** How a run ends. */
type End =
  | { kind: 'succeed'; result: unknown }
  | Extract<Decision, { kind: 'retry' | 'hold' | 'cancel' | 'giveUp' }>
  | { kind: 'park'; reason: DeadReason; counts: boolean };

/**
 * Closes a run: one transition, which also gives up the lease, and then the writes of its end. The outcome is stored by
 * then, so if one of these fails, the reconciler finishes them. `vendorFailed`: a vendor failed, and refused nothing.
 */
export async function close(
  { deps, message }: Handling,
  { lease, content, end }: { lease: Lease; content: Said; end: End & { error?: StoredError; vendorFailed?: boolean } },
): Promise<JobRow> {
  const { queue, id, bodyKept, canary } = lease.row();
  const leaves = end.kind === 'hold' || end.kind === 'park' || end.kind === 'giveUp';
  // A row must not say that a body is kept before it is.
  if (leaves && !canary && !bodyKept) await keepBody(deps, { queue, id }, content.body);
  const run = { at: deps.clock.now(), messageId: message.messageId, bodyKept: !canary };
  const closed = await lease.end((row) => {
    switch (end.kind) {
      case 'succeed':
        return succeed(row, { ...run, ...end });
      case 'giveUp':
        return giveUp(row, { ...run, ...end });
      case 'retry':
        return retry(row, { ...run, ...end });
      case 'hold':
        return hold(row, { ...run, ...end });
      case 'park':
        return park(row, { ...run, ...end });
      case 'cancel':
        return stop(row, { ...run, ...end });
    }
  });
  return finish(deps, closed, content).catch((error: unknown) => {
    ignoreStoreError(error);
    deps.log.warn('an end is not complete yet', { queue, jobId: id });
    return closed;
  });
}

/** The rest of an invocation is left for the answer to Lambda. */
const LEAST_MS = 200;
const AGAIN_MS = 1_000;

/** A store failed, and the job was given back. */
export class GivenBackError extends StoreError {}

/**
 * Does work on a claimed job. If the table, the bucket or a queue fails, it gives the job back and throws the error on.
 * A job that kept its lease would look like a crashed run, and could be parked for that. A row that has become
 * unreadable keeps it, so a witness stays.
 */
export async function orGiveBack<T>(handling: Handling, lease: Lease, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { queue, lease: { token } = {} } = lease.row();
    if (error instanceof UnreadableRowError && token) await leaveWitness(handling.deps, queue, token);
    else if (error instanceof StoreError && (await giveBackInTime(handling, lease, error))) {
      throw new GivenBackError(error);
    }
    throw error;
  }
}

const isOver = (error: unknown): boolean => error instanceof LeaseLostError || error instanceof UnreadableRowError;

/** Tries until the deadline, because the table may fail only for seconds. If it fails for longer, a witness stays. */
async function giveBackInTime(
  { deps, message, deadline }: Handling,
  lease: Lease,
  error: StoreError,
): Promise<boolean> {
  const { clock } = deps;
  const { queue, lease: { token = '' } = {} } = lease.row();
  const entry = { at: clock.now(), messageId: message.messageId, error: storedError(error) };
  const leftMs = () => deadline.at - clock.now();
  let witnessed = false;
  for (let failure: unknown = error; !isOver(failure) && leftMs() > LEAST_MS; ) {
    try {
      await lease.abandon((row) => giveBack(row, entry));
      if (witnessed) await dropWitness(deps, queue, token);
      return true;
    } catch (refusal) {
      ignoreStoreError(refusal);
      failure = refusal;
    }
    witnessed ||= await leaveWitness(deps, queue, token);
    await clock.sleep(Math.min(AGAIN_MS, leftMs() / 2));
  }
  return false;
}

/**
 * Does the writes that an end still lacks. The order is: S3 record, event, a dead job's DLQ entry, deletion of a
 * needless kept body and of large data, marks in the row. The mark of the record completes the end, so an end without
 * it is published again. Returns the row of this end, even if another message has opened the job meanwhile. `body`
 * spares a read of the kept body, and `envelope` names the large data.
 */
export async function finish(deps: FinishDeps, row: JobRow, { body, envelope }: Partial<Said> = {}): Promise<JobRow> {
  const { ledger, objects, queues, clock, prefix, settings } = deps;
  if (!isEnd(row.state) || row.canary) return row;
  const parks = needsEntry(row) && row.parkedAt === undefined;
  const records = row.recordedAt === undefined;
  if (!records && !parks) return row;

  if (records) await putRecord(deps, row);
  if (records && !row.resends) await deps.events?.publish(completionOf(row));
  if (parks) {
    const parked = body ?? (await keptBody(deps, row)) ?? GONE;
    await queues.send(deps.dlqUrl(row.queue), parkedMessage(row, parked, settings(row.queue).type));
  }
  const over = isFinal(row) && !lackedStep(row);
  const needless = over && row.bodyKept === true;
  const sha256 = over ? envelope?.datasha256 : undefined;
  if (needless) await objects.delete(bodyKey(prefix, row.queue, row.id));
  if (sha256 !== undefined) await objects.delete(dataKey(prefix, { ...row, sha256 }));

  const at = clock.now();
  const marked = (now: JobRow): JobRow | undefined =>
    // If the job was reopened in between, the marks belong to an earlier end.
    sameEnd(now, row)
      ? {
          ...now,
          ...(records ? { recordedAt: now.recordedAt ?? at } : {}),
          ...(parks ? { parkedAt: now.parkedAt ?? at } : {}),
          ...(needless ? { bodyKept: false } : {}),
        }
      : undefined;
  const { item: stored } = await ledger.update(row.key, marked, row);
  return stored && sameEnd(stored, row) ? stored : row;
}

const sameEnd = (a: JobRow, b: JobRow): boolean =>
  a.state === b.state && a.generation === b.generation && a.endedAt === b.endedAt;

/**
 * Keeps a cancelled job's body for a retry, but no erased job's. `false`: the job waits for this message again.
 * `sequence`: SQS's number of this message. With it, the retried job stays before commands that came later.
 */
export async function keepCancelled(
  { ledger, objects, prefix }: Pick<FinishDeps, 'ledger' | 'objects' | 'prefix'>,
  row: JobRow,
  { body, sequence }: { body: string; sequence?: string | undefined },
): Promise<boolean> {
  let stored: JobRow | undefined = row;
  if (!row.erased) {
    if (!isCancelledByOperator(row) || row.bodyKept) return true;
    await keepBody({ objects, prefix }, row, body);
    const first = sequence === undefined ? {} : { firstSequence: sequence };
    const kept = (now: JobRow) =>
      isCancelledByOperator(now) && !now.bodyKept && !now.erased ? { ...first, ...now, bodyKept: true } : undefined;
    stored = (await ledger.update(row.key, kept)).item;
  }
  if (stored?.erased) await objects.delete(bodyKey(prefix, row.queue, row.id));
  return stored === undefined || stored.erased === true || isCancelledByOperator(stored);
}

/**
 * Counts an end, and what the job lacks, but no later end of a job that was resent. It writes both metrics, because CloudWatch
 * has no rate while one of them was never written.
 */
export function countEnd(
  metrics: Metrics,
  { queue, state, without = [], resends }: Pick<JobRow, 'queue' | 'without' | 'resends'> & { state: string },
): void {
  if (resends) return;
  metrics.add('JobsSucceeded', state === 'succeeded' ? 1 : 0, 'Count', { queue });
  metrics.add('JobsDead', state === 'dead' ? 1 : 0, 'Count', { queue });
  for (const { what, code } of without) metrics.add('JobsWithout', 1, 'Count', { queue, what, code });
}

type Deps = Pick<FinishDeps, 'ledger' | 'objects' | 'queues' | 'prefix' | 'settings' | 'dlqUrl'> & { log: Log };
type Unread = Pick<ReceivedMessage, 'messageId' | 'body' | 'attributes' | 'groupId' | 'sequenceNumber'>;

/**
 * Parks a message whose job's row or record does not parse, and returns the id of that row. Nothing runs the job or
 * writes the row until a person has restored it. Then the reconciler returns the message (lib/engine/reconcile/returns.ts).
 */
export async function parkUnread(
  deps: Deps,
  { queue, message }: { queue: string; message: Unread },
  { code, message: text, field = 'row', job }: UnreadableRowError,
): Promise<string> {
  const { id: found, body, token } = await identify(deps, queue, message);
  const { messageId, groupId: group, sequenceNumber: sequence } = message;
  const own = invalidId(messageId);
  // An earlier run may have given the message a row of its own.
  const id = !isInvalidId(found) && (await deps.ledger.has(jobKey(queue, own))) ? own : (job ?? found);
  const attributes = {
    reason: 'error',
    code,
    message: text,
    field,
    messageId,
    ...present({ token, group: group ? publicForm('group', group) : undefined, sequence }),
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
