import { type Item, keyOfBody, parsed, partition, type Queue, type Snapshot } from './snapshot';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** A worker or the reconciler completes an end within this time. */
const UNFINISHED_MS = 10 * MINUTE_MS;
/** The clocks of two functions differ by at most this. */
const SKEW_MS = 2_000;
/** A row lives at least this long after its job's time. */
const ROW_LIFETIME_MS = 45 * DAY_MS;

const ENDS: readonly unknown[] = ['succeeded', 'dead', 'cancelled'];
const REASONS: Record<string, readonly unknown[]> = {
  queued: [undefined],
  processing: [undefined],
  held: ['paused', 'throttled', 'retry', 'stopped', 'unknown'],
  succeeded: [undefined],
  dead: ['error', 'crash', 'expired'],
  cancelled: ['never-sent', 'operator', 'superseded'],
};
const UNTIMED: readonly unknown[] = ['unknown', 'stopped', 'paused'];

/** What is wrong with one thing, or nothing. It never has values that may be personal. */
type Wrong = string | undefined | false;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
/** A damaged row may hold any number, but no time is beyond the last date. */
const number = (value: unknown): number => (typeof value === 'number' && Math.abs(value) <= 8.64e15 ? value : 0);
const list = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value : []);
const isEnd = ({ state }: Item): boolean => ENDS.includes(state);
export const isRow = (item: Item): boolean => 'payloadHash' in item && item.canary !== true;
const queueOf = ({ queues }: Snapshot, row: Item): Queue | undefined => queues.find(({ name }) => name === row.queue);
const stateOf = ({ state, reason }: Item): string => (reason === undefined ? `${state}` : `${state} (${reason})`);

function ofRows(judge: (row: Item, all: Snapshot) => Wrong) {
  return (all: Snapshot) => all.items.filter(isRow).map((row): [string, Wrong] => [row.key, judge(row, all)]);
}

/** What is wrong: the names of the conditions that do not hold, with commas between them. */
const broken = (conditions: Record<string, boolean>): string =>
  String(Object.keys(conditions).filter((name) => !conditions[name]));

/** Searches find a row in the index of what was accepted, and the reconciler a live one in the index of what is due next. */
function lost(row: Item, { at }: Snapshot): Wrong {
  const { state, reason, vendor, accepted, todo, todoAt } = row;
  if (typeof accepted !== 'string') return 'the index of accepted jobs does not have it';
  if (isEnd(row)) return undefined;
  if (typeof todo !== 'string' || typeof todoAt !== 'number') return 'no index leads to it';
  // A job that waits for a vendor waits as long as its circuit is open.
  const isTimed = state !== 'held' || !(UNTIMED.includes(reason) || vendor !== undefined);
  return isTimed && todoAt < at - DAY_MS && 'its time in the index is a day past';
}

const recordsWithoutRow = ({ records, known, at }: Snapshot): [string, Wrong][] =>
  [...records].map(([key, body]) => {
    const { queue, id, time } = parsed(body);
    const isOld = at - Date.parse(text(time)) > ROW_LIFETIME_MS;
    return [key, !isOld && text(id) !== '' && !known.has(`${queue}#${id}`) && 'it has a record and no row'];
  });

function effectsTwice({ effects }: Snapshot): [string, Wrong][] {
  const first = new Map<string, string>();
  return effects.map(({ job, what, id }) => {
    const before = first.get(`${job} ${what}`) ?? id;
    first.set(`${job} ${what}`, before);
    return [job, before !== id && `the vendor has it as ${before} and as ${id}`];
  });
}

function recordOf(row: Item, all: Snapshot): string | undefined {
  const folder = `${all.prefix}/${queueOf(all, row)?.records}/${partition(number(row.time))}`;
  return all.records.get(`${folder}${row.id}.json`);
}

/** The worker or the reconciler has not completed the end yet. */
const isUnfinished = ({ recordedAt, updatedAt }: Item, at: number): boolean =>
  recordedAt === undefined && at - number(updatedAt) < UNFINISHED_MS;

const withoutRecord = (row: Item, all: Snapshot): Wrong =>
  isEnd(row) && recordOf(row, all) === undefined && !isUnfinished(row, all.at) && `it is ${stateOf(row)}`;

function recordDiffers(row: Item, all: Snapshot): Wrong {
  const body = recordOf(row, all);
  if (!isEnd(row) || body === undefined || isUnfinished(row, all.at)) return undefined;
  const found = parsed(body);
  const same = ['state', 'reason', 'generation', 'payloadHash'].map((name) => [name, found[name] === row[name]]);
  return broken({ ...Object.fromEntries(same), endedAt: Date.parse(text(found.endedAt)) === number(row.endedAt) });
}

function entriesWithoutRow({ entries, known, at }: Snapshot): [string, Wrong][] {
  const damaged = entries.filter(({ attributes }) => attributes.code === 'RowDamaged');
  const waiting = new Set(damaged.map(({ queue, attributes }) => `${queue}#${attributes.job}`));
  return entries.map(({ queue, messageId, moved, attributes: { job, code, messageId: from } }) => {
    const row = known.get(`${queue}#${job}`);
    const isItsEnd = row?.state === 'dead' && row.parkedFrom === from;
    // The messages of a damaged row wait until it is restored. Then the reconciler returns or deletes them.
    // The reconciler deletes the entry of a job that is sent again.
    const isOnItsWay = row && at - number(row.updatedAt) < UNFINISHED_MS;
    const isRight = moved || code === undefined || (row && waiting.has(row.key)) || isItsEnd || isOnItsWay;
    return [`${queue} message ${messageId}`, !isRight && (row ? `its job is ${stateOf(row)}` : 'no row has its job')];
  });
}

function withoutEntry(row: Item, all: Snapshot): Wrong {
  const queue = queueOf(all, row);
  if (row.state !== 'dead' || row.reason === 'expired' || row.leftDlqAt !== undefined || !queue) return undefined;
  if (row.replacedBy !== undefined) return undefined;
  const parkedAt = number(row.parkedAt);
  const isExpired = parkedAt > 0 && parkedAt + queue.dlqRetentionMs - MINUTE_MS < all.at;
  const isOnItsWay = parkedAt === 0 && all.at - number(row.endedAt) < UNFINISHED_MS;
  if (isExpired || isOnItsWay || all.hidden.has(queue.name)) return undefined;
  const entries = all.entries.filter((entry) => entry.queue === queue.name && entry.attributes.job === row.id);
  const isThere = entries.some(({ attributes }) => attributes.messageId === row.parkedFrom);
  return !isThere && `its code is ${text((row.error as Item)?.code)}`;
}

/** Jobs of one FIFO group that ran straight through must not run out of order. Some groups' names are `hidden`. */
function brokenOrder(all: Snapshot): [string, Wrong][] {
  const straight = all.items.filter(
    (row) => isRow(row) && row.group !== undefined && row.group !== 'hidden' && wentStraight(row, all),
  );
  const last = new Map<string, Item>();
  return straight
    .sort((a, b) => (sequenceOf(a) < sequenceOf(b) ? -1 : 1))
    .map((row) => {
      const before = last.get(`${row.queue} ${row.group}`);
      last.set(`${row.queue} ${row.group}`, row);
      const isBroken = before && number(row.firstStartedAt) < number(before.endedAt) - SKEW_MS;
      return [row.key, isBroken && `it began before ${before.id} had ended`];
    });
}

/** Whether one message brought the job from its FIFO queue to its success, with no hold, return or second life. */
function wentStraight(row: Item, all: Snapshot): boolean {
  const queue = queueOf(all, row);
  const deliveries = list(row.deliveries);
  const [first] = deliveries;
  const { state, generation, holds } = row;
  if (!queue?.fifo || !first || state !== 'succeeded' || generation !== 1 || holds !== 0) return false;
  const isOne = deliveries.every(({ messageId }) => messageId === first.messageId);
  // A copy of the message in another group has its own place in the order.
  const inGroup = deliveries.every(({ otherGroup }) => otherGroup === undefined);
  // A message that waited in the DLQ for its damaged row has lost its place.
  const returned = list(row.history).some(({ event }) => event === 'returned untried');
  const straight = list(row.spentMessageIds).length === 0 && !returned;
  // If a message expires while a worker handles it, SQS delivers the next one.
  const inTime = number(row.endedAt) < number(first.sentAt) + queue.retentionMs - MINUTE_MS;
  return isOne && inGroup && straight && inTime && text(first.sequence) !== '';
}

/** SQS's sequence numbers are decimal and grow. */
const sequenceOf = ({ deliveries }: Item): string => text(list(deliveries)[0]?.sequence).padStart(40, '0');

const campaignSums = ({ items, at }: Snapshot): [string, Wrong][] =>
  items
    .filter(({ key, time }) => key.startsWith('campaign#') && at - number(time) <= ROW_LIFETIME_MS)
    .map(({ id, status, chunkSize, ...counts }) => {
      const { requested, recipients, duplicates, rejected, chunks, released } = counts;
      // A message of another sender may name the campaign. Only a chunk of ours begins with its release.
      const rows = items.filter((row) => isRow(row) && row.parent === id && list(row.history)[0]?.event === 'released');
      const sent = rows.filter(({ state }) => state === 'succeeded').length;
      const wrong = broken({
        recipients: number(requested) === number(recipients) + number(duplicates) + number(rejected),
        chunks: number(chunks) === Math.ceil(number(recipients) / Math.max(1, number(chunkSize))),
        // The row of a chunk is written before the chunk is counted. After a cancel, a late message may leave one.
        released: [0, status === 'ended' ? 0 : 1].includes(rows.length - number(released)),
        sent: status !== 'cancelled' || sent <= number(released),
        ended: status !== 'ended' || rows.every((row) => isEnd(row) || row.generation !== 1),
      });
      return [text(id), wrong];
    });

/**
 * Numbers that no stored event and no row has, between two of a source or before its first. Most of these jobs have no
 * row, so nothing else shows that a message is missing.
 */
function missingMessages({ messages, items, from }: Snapshot): [string, Wrong][] {
  const numbers = new Map<string, Set<number>>();
  for (const { source, sequence } of [...messages, ...items.filter(({ queue }) => queue === 'analytics')])
    if (Number(sequence) > 0 && OF_PRODUCER.test(text(source)))
      numbers.set(text(source), (numbers.get(text(source)) ?? new Set()).add(Number(sequence)));
  return [...numbers].map(([source, known]) => {
    const all = [...known].sort((a, b) => a - b);
    const before = [beganAt(source) >= from ? 0 : (all[0] ?? 0) - 1, ...all];
    const gaps = all.flatMap((number, at) => {
      const first = (before[at] ?? 0) + 1;
      return number > first ? [`${first} to ${number - 1}`] : [];
    });
    return [source, gaps.length > 0 && `its messages ${gaps} are missing, unless they are still in the queue`];
  });
}

/** A source of our producer. Another sender numbers nothing for us, and its source may be anything. */
const OF_PRODUCER = /^\/[a-z][a-z0-9-]*\/api\/([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The first 48 bits of the UUIDv7 are ms since 1970. */
function beganAt(source: string): number {
  const [, high, low] = OF_PRODUCER.exec(source) ?? [];
  return Number.parseInt(`${high}${low}`, 16);
}

function unreachable(row: Item): Wrong {
  const { state, reason, lease, endedAt, generation, version } = row;
  const isMove = /^(succeeded$|dead \(|cancelled \(|held \(|started$)/;
  const last = list(row.history).findLast(({ event }) => isMove.test(text(event)));
  const wrong = broken({
    'a reason that does not fit': REASONS[text(state)]?.includes(reason) ?? false,
    'a run without a lease, or a lease without a run': (state === 'processing') === (lease !== undefined),
    'an end without a time, or a time without an end': isEnd(row) === (endedAt !== undefined),
    'a history that ends otherwise': !isEnd(row) || last?.event === stateOf(row),
    'a count below 1': number(generation) >= 1 && number(version) >= 1,
  });
  return wrong && `${stateOf(row)}: ${wrong}`;
}

/** What each check looks at, by id: a job, a campaign or a key, with what is wrong with it. */
const CHECKS = {
  'lost-job': (all: Snapshot) => [...ofRows(lost)(all), ...recordsWithoutRow(all)],
  'effect-twice': effectsTwice,
  'end-without-record': ofRows(withoutRecord),
  'record-differs': ofRows(recordDiffers),
  'entry-without-row': entriesWithoutRow,
  'dead-without-entry': ofRows(withoutEntry),
  'order-broken': brokenOrder,
  'campaign-sum-wrong': campaignSums,
  'message-missing': missingMessages,
  'orphan-body': ({ bodies, known, prefix }: Snapshot) =>
    bodies.map((key): [string, Wrong] => [key, !known.has(keyOfBody(prefix, key)) && 'no row has it']),
  'state-unreachable': ofRows(unreachable),
} satisfies Record<string, (all: Snapshot) => [id: string, wrong: Wrong][]>;

export interface Finding {
  kind: keyof typeof CHECKS;
  id: string;
  what: string;
}

/** Everything in a snapshot that breaks a promise of the service. It shares no code with the service. */
export const findings = (all: Snapshot): Finding[] =>
  Object.entries(CHECKS).flatMap(([kind, check]) =>
    check(all).flatMap(([id, what]) => (what ? [{ kind: kind as Finding['kind'], id, what }] : [])),
  );
