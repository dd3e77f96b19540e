import * as z from 'zod';
import { mapEach } from '../../platform/concurrency';
import type { ReceivedMessage } from '../../platform/ports';
import { count, renewable, SHARE, type Stored, time } from '../jobs/items';
import { invalidId, jobKey, returnsKey } from '../jobs/keys';
import { ATTRIBUTE, backInQueue, belongs, keepBody } from '../jobs/messages';
import { CLOCK_SKEW_MS, isEnd, type JobRow, withEntry } from '../jobs/row';
import { ROW_DAMAGED, UnreadableRowError } from '../jobs/row-schema';
import { keepsEntry } from '../jobs/schedule';
import { crashesOf, parkPoison, reopen } from '../jobs/transitions';
import { hasWitness } from '../jobs/witness';
import {
  type Content,
  CRASH_LOOP,
  CRASH_LOOP_RUNS,
  firstRow,
  identify,
  namedJob,
  permission,
  refuse,
  rejected,
} from '../worker/claim';
import { countEnd, finish, keepCancelled, parkUnread } from '../worker/close';
import type { ReconcileRun } from './contract';

/** `killed`: the message was returned before, and the worker that ran it then stored no outcome. */
type Judged = Moved & { killed: boolean };

const NOTHING_RETURNED = { watched: [], at: 0, single: false };
const lastReturns = renewable(
  {
    /** Keys of returned jobs. An outcome of one of them shows that the queue's worker works again. */
    watched: z.array(z.string()),
    /** The ids that their messages had in the DLQ. */
    messages: z.array(z.string()).optional(),
    /** The time of the return. Each returned message carries it too. */
    at: time,
    /** Whether one message was returned alone. The next return waits until it has an outcome, is back, or times out. */
    single: z.boolean(),
    /** How many messages of the DLQ waited for a row that does not parse, by the last walk through all of it. */
    unread: count.optional(),
  },
  NOTHING_RETURNED,
);
type Returns = Stored<typeof lastReturns>;

/** The last walk through a whole DLQ found so many messages that wait for a row. They are entries of no dead job. */
export const noteUnread = (deps: ReconcileRun, queue: string, unread: number) =>
  lastReturns.update(deps, returnsKey(queue), (stored) => {
    const before = stored ?? { key: returnsKey(queue), version: 0, writer: '', ...NOTHING_RETURNED };
    return (before.unread ?? 0) === unread ? undefined : { ...before, unread };
  });

export const unreadIn = async (deps: ReconcileRun, queue: string): Promise<number> =>
  (await lastReturns.read(deps, returnsKey(queue)))?.unread ?? 0;

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
  const judged = await mapEach(untried, AT_ONCE, async (moved) => ({
    ...moved,
    killed: await hasKilled(deps, queue, moved),
  }));
  const isHopeless = (moved: Judged) => timesReturned(moved) >= MOST_RETURNS && moved.killed;
  for (const moved of judged.filter(isHopeless))
    if (await parkCrashed(deps, queue, moved))
      await deps.queues.delete(deps.dlqUrl(queue), moved.message.receiptHandle);
  const candidates = judged
    .filter((moved) => !isHopeless(moved))
    .sort((a, b) => timesReturned(a) - timesReturned(b) || a.message.sentAt - b.message.sentAt);
  if (candidates.length === 0) return [];

  const key = returnsKey(queue);
  const last = await lastReturns.read(deps, key);
  const state = await judgeLast(deps, { last, now, candidates });
  if (state === 'pending') return candidates;
  const fresh = candidates.filter((moved) => timesReturned(moved) === 0);
  const one = (whole ? candidates : fresh).slice(0, 1);
  const chosen = state === 'works' && fresh.length > 0 ? fresh : one;
  if (chosen.length === 0) return candidates;
  const first = chosen.slice(0, MOST_WATCHED);
  await lastReturns.update(deps, key, (stored) => ({
    ...(stored ?? { key, version: 0, writer: '' }),
    watched: first.map(({ content }) => jobKey(queue, content.id)),
    messages: first.map(({ message }) => message.messageId),
    at: now,
    single: chosen.length === 1,
  }));
  const { share = SHARE } = deps;
  const returned = new Set<Moved>();
  for (const moved of chosen) {
    // The search for these messages may have taken all the time, so return at least one share.
    if (returned.size >= share && !mayGoOn()) break;
    await giveBack(deps, queue, moved, now);
    returned.add(moved);
  }
  return candidates.filter((moved) => !returned.has(moved));
}

/** Any program can write the attribute, so another form of it counts as none. */
const timesReturned = ({ message: { attributes } }: Moved): number =>
  Number(/^\d{1,2}$/.exec(attributes[ATTRIBUTE.returned] ?? ''));

/**
 * Whether the message crashed its worker after its last return: a worker began with it alone and stored nothing about
 * its job. Without such a worker, or if the worker lived but could not write, its coming back proves nothing.
 */
async function hasKilled(deps: ReconcileRun, queue: string, { message, row }: Moved): Promise<boolean> {
  const { messageId, attributes } = message;
  if (attributes[ATTRIBUTE.returned] === undefined) return false;
  const ran = row.deliveries.some((delivery) => delivery.messageId === messageId);
  return !ran && (await deps.ledger.trials.begun(queue, messageId)) && !(await hasWitness(deps, queue, messageId));
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
async function giveBack(deps: ReconcileRun, queue: string, moved: Judged, now: number): Promise<void> {
  const { queues, ledger, clock, log } = deps;
  const { message, content, row } = moved;
  const before = timesReturned(moved);
  const times = before === 0 || moved.killed ? before + 1 : before;
  const at = clock.now();
  const returned = withEntry(row, { at, event: 'returned untried' });
  const open = { ...(isEnd(row.state) ? reopen(returned, { at, event: 'reopened' }) : returned), sentAt: at };
  const messageOf = (allowed: JobRow) =>
    backInQueue(deps, {
      row: { ...allowed, ...(message.groupId ? { group: message.groupId } : {}) },
      body: content.body,
      secret: message.messageId,
      // Leaves out the other attributes: they describe an end that is over, and SQS takes at most ten.
      attributes: { [ATTRIBUTE.returned]: String(times), [ATTRIBUTE.returnedAt]: String(now) },
    });
  const fits = messageOf(open).body === content.body;
  if (!fits) await keepBody(deps, row, content.body);
  await deps.report({ kind: 'messages-returned', subject: queue, jobId: row.id });
  const written = await ledger.write(fits ? open : { ...open, bodyKept: true }, row.version).catch((error: unknown) => {
    if (!(error instanceof UnreadableRowError)) throw error;
    deps.failed({ queue, jobId: row.id, error });
  });
  // The next walk judges it again. A row that was damaged meanwhile stops no other return.
  if (!written?.written) return;
  const back = messageOf(written.item);
  const sent = await queues.send(deps.queueUrl(queue), back);
  await queues.delete(deps.dlqUrl(queue), message.receiptHandle);
  log.warn('returned untried', { queue, jobId: row.id, messageId: sent.messageId, count: times });
}

/** A message that SQS moved to the DLQ, and what the table knows of its job. */
export interface Moved {
  message: ReceivedMessage;
  content: Content;
  /** As the table has it, or as the message describes it (version 0). */
  row: JobRow;
}

/**
 * What to do with a DLQ message. `unread`: it stays and waits for its row. `later`: judge it again soon. `Moved`: no
 * worker has tried it, so return it.
 */
type Verdict = 'keep' | 'unread' | 'later' | 'delete' | Moved;

/** `seen`: the parked entries that this run has seen. */
type Entry = { queue: string; message: ReceivedMessage; seen: Set<string> };

/** Judges an entry. It stays while its job's row or record cannot be read. */
export async function judgeEntry(deps: ReconcileRun, entry: Entry): Promise<Verdict> {
  const { queue, message } = entry;
  const { code, job } = message.attributes;
  try {
    return await judged(deps, entry);
  } catch (error) {
    if (!(error instanceof UnreadableRowError)) throw error;
    // The entry of a dead job counts with that job, whatever became unreadable since.
    const stays = message.movedBySqs || code === undefined || code === ROW_DAMAGED ? 'unread' : 'keep';
    if (error.code !== ROW_DAMAGED) return stays;
    const isUnlabelled = message.movedBySqs && code !== ROW_DAMAGED;
    // The number is the DLQ's.
    const { sequenceNumber: _number, ...moved } = message;
    const jobId = isUnlabelled ? await parkUnread(deps, { queue, message: moved }, error) : job;
    deps.failed({ queue, error, ...(jobId === undefined ? {} : { jobId }) });
    return isUnlabelled ? 'delete' : stays;
  }
}

async function judged(deps: ReconcileRun, entry: Entry): Promise<Verdict> {
  const { queue, message } = entry;
  const { messageId, receiveCount, movedBySqs, attributes } = message;
  // A worker parked the message because its row did not parse, so it could not see whether the message is one of ours.
  const restored = !movedBySqs && attributes.code === ROW_DAMAGED;
  // A redriven entry keeps its attributes. If SQS moves it to the DLQ again, only SQS's own mark shows that.
  if (!movedBySqs && attributes.code !== undefined && !restored) return judgeParked(deps, entry);
  const { group = message.groupId } = restored ? attributes : {};
  const moved = await owned(deps, queue, { ...message, ...(group === undefined ? {} : { groupId: group }) }, restored);
  // The canary's own metric reports that it did not end.
  if (moved?.row.canary) return 'delete';
  const allowed = moved && permission(moved.row, message, moved.content);
  if (!moved || allowed === 'refused') {
    refuse(deps, { queue, jobId: namedJob(attributes) ?? moved?.row.id, messageId, receiveCount });
    return 'delete';
  }
  const { content, row } = moved;
  if (row.state === 'processing' && row.lease && row.lease.until > deps.clock.now()) return 'later';
  if (allowed === 'late') {
    await finish(deps, row, content);
    return (await keepCancelled(deps, row, content)) ? 'delete' : 'later';
  }
  const { token = '' } = row.lease ?? {};
  if (row.state === 'processing' && crashesOf(row) >= CRASH_LOOP_RUNS && !(await hasWitness(deps, queue, token)))
    return (await parkCrashed(deps, queue, moved)) ? 'delete' : 'later';
  return moved;
}

/** Finds the message's job. As in the worker, a message with the id of another job gets an id and a job of its own. */
async function owned(deps: ReconcileRun, queue: string, message: ReceivedMessage, restored: boolean) {
  const found = await identify(deps, queue, message);
  const content = restored ? { ...found, named: false } : found;
  const own = rejected(content, invalidId(message.messageId));
  const ownRow = await deps.ledger.get(jobKey(queue, own.id));
  // An earlier run gave this message its own id, perhaps because the job was done without a row (worker/run.ts).
  if (ownRow) return { message, content: own, row: ownRow };
  return find(content);

  async function find(of: Content): Promise<Moved | undefined> {
    const row = await deps.ledger.get(jobKey(queue, of.id));
    if (row) return belongs(row, of.payloadHash) ? { message, content: of, row } : find(own);
    const { groupId: group, messageId, movedBySqs, sentAt } = message;
    // SQS says when it moved the message, which may be a retention after its send.
    const retention = deps.settings(queue).retention * (movedBySqs ? 2 : 1);
    const made = await firstRow(deps, of, { queue, group, messageId, sentAt, retention });
    if (made.kind === 'row') return { message, content: of, row: made.row };
    return made.kind === 'refused' ? undefined : find(made.content);
  }
}

/** Judges a parked entry. It stays while its job is dead from that message, unless an operator discarded it. */
async function judgeParked(deps: ReconcileRun, { queue, message, seen }: Entry): Promise<Verdict> {
  const { messageId, [ATTRIBUTE.job]: id } = message.attributes;
  const row = id === undefined ? undefined : await deps.ledger.get(jobKey(queue, id));
  if (!row) return 'keep';
  const entry = `${row.id} ${messageId}`;
  const again = seen.has(entry);
  seen.add(entry);
  if (keepsEntry(row) && row.parkedFrom === messageId && !again) return 'keep';
  return 'delete';
}

/** Ends a job that kills each worker that runs it. `false`: the row has changed, so the next walk judges it again. */
async function parkCrashed(deps: ReconcileRun, queue: string, { message, content, row }: Moved): Promise<boolean> {
  const { ledger, clock, metrics, log } = deps;
  const at = clock.now();
  const { messageId } = message;
  await keepBody(deps, row, content.body);
  const parked = parkPoison(row, { at, messageId, reason: 'crash', error: CRASH_LOOP });
  const result = await ledger.write(parked, row.version);
  if (!result.written) return false;
  countEnd(metrics, result.item);
  log.error('parked after crashes', { queue, jobId: row.id, messageId, code: CRASH_LOOP.code });
  await finish(deps, result.item, content);
  return true;
}
