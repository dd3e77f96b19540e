import { mapEach, throughAll } from '../../platform/concurrency';
import { isRefusal, type Vendor } from '../../platform/errors';
import { DAMAGED } from '../jobs/items';
import { todoKey, vendorKey } from '../jobs/keys';
import { bodyMissing, keptBody, sendOpen } from '../jobs/messages';
import { type JobRow, storedError, VENDOR_DOWN, VENDOR_REFUSES } from '../jobs/row';
import { LONGEST_OWED_MS } from '../jobs/schedule';
import { endWithoutBody as ended, release as released } from '../jobs/transitions';
import {
  codeOfOutage,
  isHalfOpen,
  isOpen,
  isStopped,
  limitsOf,
  nextTrialAt,
  type OpenCircuit,
  withPauses,
} from '../worker/circuit';
import { countEnd, finish } from '../worker/close';
import { type Filled, type QueueWorks, type ReconcileDeps, type ReconcileRun, vendorsIn, type Work } from './contract';
import { eachDue } from './due';

const ALL = Number.MAX_SAFE_INTEGER;
/** No job of this kind waits. */
const NONE = Number.POSITIVE_INFINITY;
/** If a job's time, the end of a vendor's wait or a trial comes before the next run, this run repeats its work for it. */
const SOON_MS = 60_000;
/** How many jobs are read to see whether their vendor asked one of them to wait. */
const NEWEST_ROWS = 4;
const MINUTE_MS = 60_000;
/** The longest wait that a vendor's adapter accepts. A longer one says nothing about the vendor. */
const LONGEST_WAIT_MS = 3_600_000;

/** So much work of planned jobs may be in a queue. A new job waits behind it. */
const PLANNED_MS = 10_000;
/** At most, in `room` of the queue's settings. SQS's counts are approximate. */
const MOST_ROOMS = 10;

/**
 * Sends planned jobs whose time has come to their queue, as their producers would send them now. They do not wait for
 * room among the held jobs, and those of one group keep the order of their times. Of thousands with one time, the queue
 * gets what its workers do in ten seconds.
 */
export const releasePlanned: Work = async (deps, queue, mayGoOn) => {
  const todo = todoKey(queue, 'planned');
  const last = async () => {
    const until = deps.clock.now() + SOON_MS;
    const [soon] = await deps.table.due(todo, { until, limit: 1, newestFirst: true });
    return soon?.todoAt;
  };
  if ((await last()) === undefined) return false;
  const { room: usual } = deps.settings(queue);
  let filled: Filled | undefined;
  const room = createRoom(deps, queue, deps.repeats ? 0 : Math.min(LEAST, usual / 2), (depth) => {
    filled = refill(deps.filled.get(queue), depth, deps.clock.now());
    return Math.min(MOST_ROOMS * usual, Math.max(usual / 2, filled.recent));
  });
  const work = { todo, mayGoOn: () => mayGoOn() && !room.isFull(), inOrderBy: groupOf };
  await eachDue(deps, work, (row) =>
    room.take(async () => {
      await release(deps, row);
      if (filled) filled.messages++;
    }),
  );
  if (filled) deps.filled.set(queue, { ...filled, at: deps.clock.now() });
  return room.isFull() || ((await last()) ?? 0) > deps.clock.now();
};

/**
 * Workers finish slow jobs in bursts, so one second says nothing: `recent` counts what they did in about ten. At first
 * the queue gets the jobs that they take at once; if it runs empty, nearly twice as many as before.
 */
function refill(before: Filled | undefined, depth: number, at: number): Filled {
  if (!before) return { messages: depth, at, recent: 0 };
  const fading = Math.max(0, 1 - (at - before.at) / PLANNED_MS);
  return { messages: depth, at, recent: Math.max(0, before.recent * fading + before.messages - depth) };
}

const groupOf = ({ group, key }: JobRow): string => group ?? key;

/** Sends held jobs whose wait is over back to their queue, as far as it has room. Also after the pause of a parent. */
export const releaseDue: Work = async (deps, queue, mayGoOn) => {
  const { vendors = [], owedVendor, isPaused } = deps.works[queue] ?? {};
  const room = createRoom(deps, queue, deps.repeats ? 0 : LEAST);
  const kinds = await mapEach(vendors, vendors.length, async (vendor) => {
    const todo = todoKey(queue, 'held', vendor);
    return { todo, vendor, freeAt: await freeAt(deps, todo, vendor) };
  });
  const held = kinds.flatMap(({ vendor, freeAt }) => (freeAt === NONE ? [] : [vendor]));
  deps.heldFor.set(queue, held);
  const now = deps.clock.now();
  const free = kinds.flatMap(({ todo, freeAt }) => (freeAt <= now ? [todo] : []));
  const todos = [todoKey(queue, 'held'), ...(isPaused ? [todoKey(queue, 'paused')] : []), ...free];
  await throughAll(todos, (todo) => releaseEach(deps, { todo, room, mayGoOn, isPaused }), todos.length);
  const stopped = kinds.filter(({ vendor, freeAt }) => vendor === owedVendor && freeAt === ALL);
  await throughAll(stopped, ({ todo, vendor }) => releaseOverdue(deps, { todo, vendor, room, mayGoOn }));
  const isSoon = ({ freeAt }: { freeAt: number }) => freeAt > now && freeAt < now + SOON_MS;
  return room.isFull() || kinds.some(isSoon);
};

/** From when jobs of a vendor may go: its last 429 asked a job to wait until then. Never while it is stopped. */
async function freeAt({ table, ledger, circuits, clock }: ReconcileRun, todo: string, vendor: Vendor): Promise<number> {
  const last = await table.due(todo, { until: ALL, limit: NEWEST_ROWS, newestFirst: true });
  if (last.length === 0) return NONE;
  if (isStopped(await circuits.read(vendor), clock.now())) return ALL;
  const later = last.filter(({ todoAt }) => todoAt > clock.now());
  const rows = await mapEach(later, NEWEST_ROWS, ({ key }) => ledger.known(key));
  const waiting = rows.filter((row) => row?.todo === todo) as JobRow[];
  const waits = waiting.map(({ retryAt = 0, updatedAt }) => (retryAt - updatedAt <= LONGEST_WAIT_MS ? retryAt : 0));
  return Math.max(0, ...waits);
}

interface Releasing {
  todo: string;
  room: Room;
  mayGoOn: () => boolean;
}

/** Releases due jobs of one kind as far as there is room, half of them the newest. */
async function releaseEach(
  deps: ReconcileRun,
  { todo, room, mayGoOn, isPaused }: Releasing & Pick<QueueWorks, 'isPaused'>,
): Promise<void> {
  const work = { todo, mayGoOn: () => mayGoOn() && !room.isFull(), newest: room.half, inOrderBy: groupOf };
  await eachDue(deps, work, async (row) => {
    const waits = row.reason === 'paused' && (await isPaused?.(deps, row));
    if (waits) return;
    await room.take(() => release(deps, row));
    noteRelease(deps, row);
  });
}

/** The end of a pause, of a retry's wait, or of a wait that the settings ask for, is no sign of trouble. */
function noteRelease({ works, releasedSince }: ReconcileRun, { queue, reason, error, heldSince }: JobRow): void {
  const isOrdered = works[queue]?.orderedHolds?.includes(error?.code ?? '');
  if (heldSince === undefined || isOrdered || reason === 'paused' || reason === 'retry') return;
  releasedSince.set(queue, Math.min(heldSince, releasedSince.get(queue) ?? heldSince));
}

/** Releases jobs of a stopped vendor that have waited for what they owe as long as they may. They end without it. */
async function releaseOverdue(
  deps: ReconcileRun,
  { todo, vendor, room, mayGoOn }: Releasing & { vendor: Vendor },
): Promise<void> {
  const now = deps.clock.now();
  const circuit = await deps.circuits.read(vendor);
  if (limitsOf(circuit, now).paused) return;
  const work = { todo, mayGoOn: () => mayGoOn() && !room.isFull(), until: now - LONGEST_OWED_MS };
  await eachDue(deps, work, async (row) => {
    const owed = row.owed && withPauses(row.owed, circuit, now);
    if (owed?.until === undefined) return;
    if (owed.until <= now) await room.take(() => release(deps, row));
    // Its place in the list is that of a time before a pause.
    else await deps.ledger.write({ ...row, owed }, row.version);
  });
}

/** Releases one job for the trial call of each half-open circuit. A queued message may make that call before it. */
export async function releaseTrials(deps: ReconcileRun, mayGoOn: () => boolean): Promise<boolean> {
  let isSoon = false;
  await throughAll(vendorsIn(deps), async (vendor) => {
    const circuit = await deps.circuits.read(vendor);
    const now = deps.clock.now();
    const { paused, rate } = limitsOf(circuit, now);
    const limited = (code: string) => deps.report({ kind: 'vendor-limited', subject: vendor, code });
    if (paused?.by === DAMAGED) return deps.report({ kind: 'item-damaged', subject: '', code: vendorKey(vendor) });
    if (paused) await limited('paused');
    if (rate) await limited(`${rate.perSecond} a second`);
    const code = codeOfOutage(circuit, now);
    // A vendor answers an outage in several ways. Only whether it refuses us makes another outage, and asks for another act.
    const outage = isRefusal(code) ? VENDOR_REFUSES : VENDOR_DOWN;
    if (code !== undefined) await deps.report({ kind: 'circuit-open', subject: vendor, code: outage }, { turn: true });
    if (!isOpen(circuit)) return;
    if (isHalfOpen(circuit, now)) await releaseTrial(deps, { vendor, circuit, mayGoOn });
    else isSoon ||= (nextTrialAt(circuit, now) ?? ALL) < now + SOON_MS;
  });
  return isSoon;
}

/** The chat hears of a limit once a job has waited so long. */
const TOLD_MS = 5 * MINUTE_MS;
const OLDEST_ROWS = 10;
const MOST_COUNTED = 1_000;

/** Tells which vendors have asked jobs to wait for five minutes or more in all, how many jobs wait, and until when. */
export async function tellThrottled(deps: ReconcileRun): Promise<void> {
  const { queueNames, works, circuits, clock, report } = deps;
  await throughAll(vendorsIn(deps), async (vendor) => {
    const queues = queueNames.filter((queue) => works[queue]?.vendors.includes(vendor));
    // A job that waits with a mail that it owes is in the list without a vendor.
    const todos = queues.flatMap((queue) => [todoKey(queue, 'held', vendor), todoKey(queue, 'held')]);
    const found = (await mapEach(todos, todos.length, (todo) => throttledIn(deps, todo, vendor))).flat();
    const now = clock.now();
    if (found.every(({ since }) => since > now - TOLD_MS) || isStopped(await circuits.read(vendor), now)) return;
    const count = found.reduce((sum, one) => sum + one.count, 0);
    const until = Math.max(...found.map((one) => one.until));
    await report({ kind: 'vendor-throttles', subject: vendor, count, ...(until > now && { until }) });
  });
}

/** The jobs of a list that a vendor asked to wait, by those that wait for the shortest time and the longest. */
async function throttledIn({ table, ledger }: ReconcileRun, todo: string, vendor: Vendor) {
  const first = await table.due(todo, { until: ALL, limit: OLDEST_ROWS });
  const last =
    first.length < OLDEST_ROWS ? [] : await table.due(todo, { until: ALL, limit: OLDEST_ROWS, newestFirst: true });
  const keys = [...new Set([...first, ...last].map(({ key }) => key))];
  const rows = (await mapEach(keys, OLDEST_ROWS, (key) => ledger.known(key))).filter(
    (row) => row?.state === 'held' && row.reason === 'throttled' && row.error?.vendor === vendor,
  ) as JobRow[];
  if (rows.length === 0) return [];
  const count = rows.length < keys.length ? rows.length : await table.count(todo, { since: 0, most: MOST_COUNTED });
  const since = Math.min(...rows.map(({ heldSince, updatedAt }) => heldSince ?? updatedAt));
  return [{ count, since, until: Math.max(...rows.map(({ retryAt = 0 }) => retryAt)) }];
}

/**
 * Releases the newest job of all queues and the oldest by turns. A job that is held again is the newest. So a new job
 * is released soon, and each job at some time, even beside jobs that the vendor never accepts. Resolves to the job.
 */
export async function releaseTrial(
  deps: ReconcileDeps & Pick<ReconcileRun, 'failed'>,
  { vendor, circuit, mayGoOn }: { vendor: Vendor; circuit: OpenCircuit; mayGoOn: () => boolean },
): Promise<JobRow | undefined> {
  const until = deps.clock.now();
  // A worker whose clock is behind holds the job again without its call. A minute later another job goes.
  const waited = Math.floor((until - (circuit.retryAt ?? until)) / MINUTE_MS);
  const newestFirst = ((circuit.failedTrials ?? 0) + waited) % 2 === 0;
  const first = await mapEach(deps.queueNames, deps.queueNames.length, async (queue) => {
    const todo = todoKey(queue, 'held', vendor);
    const [due] = await deps.table.due(todo, { until, limit: 1, newestFirst });
    return due ? [{ todo, at: due.todoAt }] : [];
  });
  const todos = first.flat().sort((a, b) => (newestFirst ? b.at - a.at : a.at - b.at));
  let done: JobRow | undefined;
  for (const { todo } of todos) {
    const newest = async () => (newestFirst ? 1 : 0);
    const work = { todo, mayGoOn: () => mayGoOn() && !done, newest, inOrderBy: () => todo };
    await eachDue(deps, work, async (row) => {
      await release(deps, row);
      done = row;
    });
  }
  return done;
}

/** Writes the row, then sends the message. If that fails, `sendUnsent` sends it. */
export async function release(deps: ReconcileDeps, row: JobRow): Promise<void> {
  const { ledger, clock, log } = deps;
  const body = await keptBody(deps, row);
  if (body === undefined) return endWithoutBody(deps, row);
  const isSameHold = (now: JobRow) => now.state === 'held' && now.holds === row.holds;
  const open = (now: JobRow) => (isSameHold(now) ? released(now, clock.now()) : undefined);
  const { changed, item } = await ledger.update(row.key, open, row);
  if (!changed) return;
  const { messageId } = await sendOpen(deps, item, body);
  log.info('released', { queue: row.queue, jobId: row.id, messageId, reason: row.reason, holds: row.holds });
}

/** Sends the message of an open job again. Resolves to false if its body is not kept. */
export async function sendAgain(deps: ReconcileDeps, row: JobRow): Promise<boolean> {
  const body = await keptBody(deps, row);
  if (body === undefined) return false;
  const { messageId } = await sendOpen(deps, row, body);
  deps.log.warn('sent again', { queue: row.queue, jobId: row.id, messageId });
  return true;
}

const BODY_MISSING = storedError(bodyMissing());

export async function endWithoutBody(deps: ReconcileDeps, row: JobRow): Promise<void> {
  const { ledger, clock, metrics, log } = deps;
  const at = clock.now();
  const { changed, item } = await ledger.update(row.key, (now) =>
    now.version === row.version ? ended(now, { at, error: BODY_MISSING }) : undefined,
  );
  if (!changed) return;
  countEnd(metrics, item);
  log.error('a job ended without its body', { queue: row.queue, jobId: row.id, code: BODY_MISSING.code });
  await finish(deps, item);
}

/** A run may always release this many jobs to a queue, or a queue that is never empty would starve its held jobs. */
const LEAST = 20;

/**
 * How many held jobs may go back to a queue now. It is measured when the first one goes. The queue's target is twice
 * what its workers take at once (`room` of its settings). `least`: even if it is reached.
 */
function createRoom(
  { queues, queueUrl, settings, random }: ReconcileDeps,
  queue: string,
  least: number,
  targetAt: (depth: number) => number = () => settings(queue).room,
) {
  let measured: Promise<void> | undefined;
  let left = Number.POSITIVE_INFINITY;
  const going = new Set<Promise<void>>();
  const measure = async () => {
    const { visible, inFlight } = await queues.depth(queueUrl(queue));
    const depth = visible + inFlight;
    left = Math.max(least, Math.floor(targetAt(depth) - depth));
  };
  const known = () => {
    measured ??= measure();
    return measured;
  };
  return {
    /** Releases one more job, if there is room for it. */
    async take(act: () => Promise<void>): Promise<void> {
      await known();
      // A release that fails leaves its place to the next.
      while (left <= 0 && going.size > 0) await Promise.race(going);
      if (left <= 0) return;
      left--;
      const release = act().catch((error: unknown) => {
        left++;
        throw error;
      });
      const end = release.then(ignore, ignore).then(() => void going.delete(end));
      going.add(end);
      await release;
    },
    /** Half of the room, for the jobs whose wait ended last. So a new job does not wait for those of an outage. */
    async half(): Promise<number> {
      await known();
      // An odd number gives one end more, and that end is drawn.
      return Math.floor((left + Math.round(random.fraction())) / 2);
    },
    isFull: (): boolean => left <= 0 && going.size === 0,
  };
}

type Room = ReturnType<typeof createRoom>;

const ignore = (): void => {};
