import { mapEach } from '../concurrency';
import { SHARE, updateItem } from '../jobs/items';
import { jobKey, returnsKey } from '../jobs/keys';
import { UnreadableRowError } from '../jobs/ledger';
import { ATTRIBUTE, backInQueue, keepBody } from '../jobs/messages';
import { CLOCK_SKEW_MS, isEnd, type JobRow, withEntry } from '../jobs/row';
import { reopen } from '../jobs/transitions';
import type { Item } from '../ports';
import { type Moved, parkCrashed } from './judge-entry';
import type { ReconcileRun } from './run';

/** `killed`: the message was returned before, and the worker that ran it then stored no outcome. */
type Judged = Moved & { killed: boolean };

/** The last return on one queue. */
interface Returns extends Item {
  /** Keys of returned jobs. An outcome of one of them shows that the queue's worker works again. */
  watched: string[];
  /** The ids that their messages had in the DLQ. */
  messages?: string[];
  /** The time of the return. Each returned message carries it too. */
  at: number;
  /** Whether one message was returned alone. The next return waits until it has an outcome, is back, or times out. */
  single: boolean;
}

/** A message that comes back a third time, after two runs began with it, kills its worker before any write. */
const MOST_RETURNS = 2;
/** After this time, a single return without an outcome no longer delays the others. */
const GIVE_UP_MS = 60 * 60_000;
const MOST_WATCHED = 20;
const AT_ONCE = 16;

/**
 * Returns messages that SQS dead-lettered untried. It returns one first, to see whether the worker works. Once that one
 * has an outcome, it returns all that were never returned, as far as there is time. Messages that came back are
 * returned one at a time, so that a poison message crashes no other job. The third time, it is parked. If `whole` is
 * false, the DLQ may hold more messages that were never returned, and those that came back wait for them. Returns the
 * messages that stay in the DLQ for now, the next one to return first.
 */
export async function returnUntried(
  deps: ReconcileRun,
  queue: string,
  { untried, whole, mayGoOn }: { untried: Moved[]; whole: boolean; mayGoOn: () => boolean },
): Promise<Moved[]> {
  const now = deps.clock.now();
  const judged = await mapEach(untried, AT_ONCE, async (moved): Promise<Judged> => {
    return { ...moved, killed: await hasKilled(deps, queue, moved) };
  });
  const isHopeless = (moved: Judged) => timesReturned(moved) >= MOST_RETURNS && moved.killed;
  for (const moved of judged.filter(isHopeless))
    if (await parkCrashed(deps, queue, moved))
      await deps.queues.delete(deps.dlqUrl(queue), moved.message.receiptHandle);
  const candidates = judged
    .filter((moved) => !isHopeless(moved))
    .sort((a, b) => timesReturned(a) - timesReturned(b) || a.message.sentAt - b.message.sentAt);
  if (candidates.length === 0) return [];

  const key = returnsKey(queue);
  const last = (await deps.table.get(key)) as Returns | undefined;
  const state = await judgeLast(deps, { last, now, candidates });
  if (state === 'pending') return candidates;
  const fresh = candidates.filter((moved) => timesReturned(moved) === 0);
  const one = (whole ? candidates : fresh).slice(0, 1);
  const chosen = state === 'works' && fresh.length > 0 ? fresh : one;
  if (chosen.length === 0) return candidates;
  const first = chosen.slice(0, MOST_WATCHED);
  await updateItem<Returns>(deps, key, (stored) => ({
    ...(stored ?? { key, version: 0, writer: '' }),
    watched: first.map(({ subject }) => jobKey(queue, subject.id)),
    messages: first.map(({ message }) => message.messageId),
    at: now,
    single: chosen.length === 1,
  }));
  const { share = SHARE } = deps;
  const returned = new Set<Moved>();
  for (const moved of chosen) {
    // The search for these messages may have taken all the time, so return at least one share.
    if (returned.size >= share && !mayGoOn()) break;
    await giveBack(deps, { queue, moved, now });
    returned.add(moved);
  }
  return candidates.filter((moved) => !returned.has(moved));
}

const timesReturned = ({ message }: Moved): number => Number(message.attributes[ATTRIBUTE.returned] ?? 0);

/**
 * Whether the message crashed its worker after its last return: a worker began with it alone and stored nothing about
 * its job. Without such a worker, or if the worker lived but could not write, its coming back proves nothing.
 */
async function hasKilled({ ledger }: ReconcileRun, queue: string, { message, row }: Moved): Promise<boolean> {
  const { messageId, attributes } = message;
  if (attributes[ATTRIBUTE.returned] === undefined) return false;
  const ran = row.deliveries.some((delivery) => delivery.messageId === messageId);
  return !ran && (await ledger.trials.begun(queue, messageId));
}

/** Judges the last return. `works`: a returned job has had an outcome since. */
async function judgeLast(
  { ledger }: ReconcileRun,
  { last, now, candidates }: { last: Returns | undefined; now: number; candidates: Moved[] },
): Promise<'works' | 'pending' | 'unknown'> {
  if (!last) return 'unknown';
  const rows = await Promise.all(last.watched.map((key) => ledger.known(key)));
  const outcomes = rows.map((row) => Math.max(row?.outcomeAt ?? 0, row?.endedAt ?? 0));
  if (outcomes.some((at) => at >= last.at - CLOCK_SKEW_MS)) return 'works';
  // Only the returned message counts, or its old copy if the reconciler died before the send.
  const back = candidates.some(
    ({ message: { messageId, attributes } }) =>
      attributes[ATTRIBUTE.returnedAt] === String(last.at) || last.messages?.includes(messageId),
  );
  if (!last.single || back || now - last.at > GIVE_UP_MS) return 'unknown';
  return 'pending';
}

/** Writes the row, sends the message, then deletes the DLQ entry. A message in both queues does no harm. */
async function giveBack(
  deps: ReconcileRun,
  { queue, moved, now }: { queue: string; moved: Judged; now: number },
): Promise<void> {
  const { queues, ledger, clock, log } = deps;
  const { message, subject, row } = moved;
  const before = timesReturned(moved);
  const times = before === 0 || moved.killed ? before + 1 : before;
  const at = clock.now();
  const returned = withEntry(row, { at, event: 'returned untried' });
  const open = { ...(isEnd(row.state) ? reopen(returned, { at, event: 'reopened' }) : returned), sentAt: at };
  const messageOf = (allowed: JobRow) =>
    backInQueue(deps, {
      row: { ...allowed, ...(message.groupId ? { group: message.groupId } : {}) },
      body: subject.body,
      secret: message.messageId,
      // Leaves out the other attributes: they describe an end that is over, and SQS takes at most ten.
      attributes: { [ATTRIBUTE.returned]: String(times), [ATTRIBUTE.returnedAt]: String(now) },
    });
  const fits = messageOf(open).body === subject.body;
  if (!fits) await keepBody(deps, row, subject.body);
  await deps.report({ kind: 'messages-returned', subject: queue, jobId: row.id });
  const written = await ledger.write(fits ? open : { ...open, bodyKept: true }, row.version).catch((error: unknown) => {
    if (!(error instanceof UnreadableRowError)) throw error;
    deps.failed({ queue, jobId: row.id, code: error.code });
  });
  // The next walk judges it again. A row that was damaged meanwhile stops no other return.
  if (!written?.written) return;
  const back = messageOf(written.item);
  const sent = await queues.send(deps.queueUrl(queue), back);
  await queues.delete(deps.dlqUrl(queue), message.receiptHandle);
  log.warn('returned untried', { queue, jobId: row.id, messageId: sent.messageId, count: times });
}
