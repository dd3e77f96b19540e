import { witnessKey } from '../../../lib/engine/jobs/keys';
import { type HistoryEntry, isEnd, type JobRow, type State } from '../../../lib/engine/jobs/row';
import { ROW_DAMAGED } from '../../../lib/engine/jobs/row-schema';
import { MAIL_STEPS } from '../../../lib/queues/queues';
import { kindOf } from '../../support/history';
import { skewOf } from '../draw/plan';
import { laneOf } from '../world/names';
import type { World } from '../world/types';

/** Checks that each stored version of a row follows from the one before, with the event that says why. */
export function watchRows({ onRow, watch, damaged, reach, stores }: World): void {
  onRow.push((row, before) => {
    if (row.state === 'processing' && before?.state === 'dead' && (before.discarded || before.replacedBy))
      watch.violated(`nothing twice: ${row.id} ran again, although an operator had ended it`);
    const { token = row.lease?.token } = before?.lease ?? {};
    if (
      token !== undefined &&
      row.lease &&
      token !== row.lease.token &&
      kindOf(row.history.at(-2) ?? { event: '' }) === 'given'
    ) {
      reach('run excused by its witness');
      if (!stores.objects.keys().includes(witnessKey('jobs', row.queue, token)))
        watch.violated(`everything explained: no run of ${row.id} left a witness, and it counts as given back`);
    }
    const wrong = inItself(row) ?? inItsChange(before, row);
    if (wrong && !damaged.has(row.id))
      watch.violated(`everything explained: ${row.id} is ${row.state} (${row.reason}), and ${wrong}`);
  });
}

function inItself({ state, reason, lease, endedAt, error, retryAt }: JobRow): string | undefined {
  if ((state === 'processing') !== (lease !== undefined)) return 'has a lease without a run, or a run without a lease';
  if (['held', 'dead', 'cancelled'].includes(state) !== (reason !== undefined)) return 'its reason is another one';
  if (isEnd(state) !== (endedAt !== undefined)) return 'the time of its end is missing, or it has not ended';
  if (state === 'succeeded' && error) return 'has an error';
  return state === 'held' && retryAt === undefined ? 'is never due' : undefined;
}

function kindsFor(from: State, to: State): readonly string[] {
  if (to === 'processing') return ['started'];
  if (to === 'held' && from === 'held') return ['settled'];
  if (to === 'held' && from !== 'processing') return ['planned'];
  if (to !== 'queued') return [to];
  if (from === 'processing') return ['retry', 'given'];
  if (from === 'succeeded') return ['resent'];
  return from === 'held' ? ['released'] : ['reopened'];
}

/** Of one change of state, or one start of a run: first its history, then its counters. */
function inItsChange(before: JobRow | undefined, after: JobRow): string | undefined {
  const starts = after.state === 'processing' && before?.lease?.token !== after.lease?.token;
  if (!before || (before.state === after.state && before.reason === after.reason && !starts)) return undefined;
  const from = before.state;
  const last = after.history.at(-1);
  if (!last) return 'it has no history';
  const kind = kindOf(last);
  const isReason = !['held', 'dead', 'cancelled'].includes(kind) || last.event === `${kind} (${after.reason})`;
  if (!kindsFor(from, after.state).includes(kind) || !isReason)
    return `its history ends with ${last.event}, after ${from} (${before.reason})`;
  const resent = kind === 'resent';
  const reopened = kind === 'reopened' || (starts && isEnd(from));
  const why = kindOf(after.history.at(-2) ?? last);
  if (starts && (from === 'processing' || reopened)) {
    if (!(reopened ? ['reopened'] : ['crashed', 'given']).includes(why))
      return `its history does not say why it started from ${from}`;
  }

  const crashed = starts && from === 'processing' && why === 'crashed' ? 1 : 0;
  const runEnded = from === 'processing' && kind !== 'given' && last.messageId !== undefined && !starts;
  const generation = before.generation + (isEnd(from) && !resent ? 1 : 0);
  if (after.generation !== generation) return `its generation is ${after.generation}`;
  const attempts = reopened || resent ? 0 : before.attempts + (last.attempt === undefined ? crashed : 1);
  if (after.attempts !== attempts) return `its attempts are ${after.attempts}`;
  if ((last.attempt ?? attempts) !== attempts) return `its history counts ${last.attempt} attempts`;
  if (runEnded && isCountedWrongly(kind, last)) return 'its last run is counted wrongly as an attempt';
  // The reconciler parks a poison message without a run, and leaves this counter.
  const crashes = reopened || resent || runEnded ? 0 : before.crashes + crashed;
  if (after.reason !== 'crash' && after.crashes !== crashes) return `its crashes are ${after.crashes}`;
  const holds = before.holds + (after.state === 'held' && from !== 'held' ? 1 : 0);
  if (after.holds !== holds) return `its holds are ${after.holds}`;
  const leaves = last.messageId !== undefined && ['held', 'dead', 'cancelled'].includes(kind);
  if (leaves && !after.spentMessageIds.includes(last.messageId ?? ''))
    return 'the message that it left can run it again';
  return undefined;
}

/**
 * Whether a run's outcome counts as an attempt, or not, against decide.ts. A death counts after an error only, and the
 * released code counts unknown steps.
 */
function isCountedWrongly(kind: string, { event, attempt, error }: HistoryEntry): boolean {
  if (kind === 'dead' || event === 'held (unknown)') return false;
  const failed = kind === 'retry' || event === 'held (retry)';
  const counts = kind === 'succeeded' || (failed && error?.code !== 'OutOfTime');
  return counts !== (attempt !== undefined);
}

/** SQS knows a deduplication id for so long. Two runs may send an entry at once, and SQS keeps one. */
const SAME_MS = 5 * 60_000;

/** Each end has one entry in the DLQ, and its row says that it has expired only when SQS has deleted it. */
export function watchEntries(world: World): void {
  const { onRow, onSent, watch, kernel, plan, reached, damaged } = world;
  const sent = new Map<string, { at: number; by: unknown }>();
  onSent.push((process, queue, { attributes: { job, messageId, code } = {} }) => {
    if (!queue.includes('-dlq') || code === ROW_DAMAGED) return;
    const entry = `${queue} ${job} ${messageId}`;
    const first = sent.get(entry);
    // A batch of several may hold two messages of one job, and each has a run in the same process.
    const twice = first?.by === process && plan.batch === 1;
    if (first && !reached.has('doubt') && (twice || first.at + SAME_MS < kernel.now()))
      watch.violated(`nothing twice: the entry of ${job} is sent again`);
    sent.set(entry, first ?? { at: kernel.now(), by: process });
  });
  onRow.push(({ id, queue, leftDlqAt = 0, parkedAt = 0, discarded }, before) => {
    if (leftDlqAt === 0 || before?.leftDlqAt !== undefined || discarded || damaged.has(id)) return;
    if (leftDlqAt - parkedAt < laneOf(world, queue).settings.dlqRetention * 1000 - skewOf(plan))
      watch.violated(`nothing lost: ${id} has left its DLQ by its row, and its entry has not expired`);
  });
}

/** The steps whose vendor cannot always be asked whether they took effect. */
const UNASKABLE: readonly string[] = ['invitation', ...Object.values(MAIL_STEPS)];

/** A worker can die between its claim and its first call. So no claim starts a mail, which that would make unknown. */
export function watchStarts({ onRow, watch }: World): void {
  onRow.push(({ id, steps, lease }, before) => {
    const claims = lease !== undefined && lease.token !== before?.lease?.token;
    for (const name of UNASKABLE)
      if (claims && steps[name]?.status === 'started' && !before?.steps[name])
        watch.violated(`nothing twice: the claim of ${id} starts ${name}, whose vendor cannot be asked`);
  });
}
