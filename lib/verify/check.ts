import { type Entry, type Finding, type Item, keyOfBody, type Queue, type Snapshot } from './snapshot';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** A worker or the reconciler completes an end within this time. */
const UNFINISHED_MS = 10 * MINUTE_MS;
/** The clocks of two functions differ by at most this. */
const SKEW_MS = 2_000;
/** A row lives at least this long after its job's time. */
const ROW_LIFETIME_MS = 45 * DAY_MS;

const LIVE = ['queued', 'processing', 'held'];
const ENDS = ['succeeded', 'dead', 'cancelled'];
const REASONS: Record<string, readonly string[]> = {
  queued: [],
  processing: [],
  held: ['paused', 'throttled', 'retry', 'stopped', 'unknown', 'behind'],
  succeeded: [],
  dead: ['error', 'crash', 'expired'],
  cancelled: ['never-sent', 'operator'],
};

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
/** A damaged row may hold any number, but no time lies beyond the last date. */
const number = (value: unknown): number => (typeof value === 'number' && Math.abs(value) <= 8.64e15 ? value : 0);
const list = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value : []);
const isRow = (item: Item): boolean => 'payloadHash' in item && item.canary !== true;
const isEnd = (row: Item): boolean => ENDS.includes(text(row.state));

/** Everything in a snapshot that breaks a promise of the service. It shares no code with the service. */
export function findings(snapshot: Snapshot): Finding[] {
  const rows = snapshot.items.filter(isRow);
  return [
    ...rows.flatMap((row) => lostRow(snapshot, row)),
    ...recordsWithoutRow(snapshot),
    ...effectsTwice(snapshot),
    ...rows.flatMap((row) => record(snapshot, row)),
    ...snapshot.entries.flatMap((entry) => entryWithoutRow(snapshot, entry)),
    ...rows.flatMap((row) => deadWithoutEntry(snapshot, row)),
    ...snapshot.queues.flatMap((queue) => brokenOrder(rows, queue)),
    ...campaignSums(snapshot),
    ...orphanBodies(snapshot),
    ...rows.flatMap(unreachable),
  ];
}

/** A live row must have a place in the index that says who looks after it next, and when. */
function lostRow({ at }: Snapshot, row: Item): Finding[] {
  if (!LIVE.includes(text(row.state))) return [];
  const waits = row.state === 'held' && ['unknown', 'stopped', 'paused', 'behind'].includes(text(row.reason));
  const late = typeof row.todoAt === 'number' && !waits && row.todoAt < at - DAY_MS;
  if (typeof row.todo === 'string' && typeof row.todoAt === 'number' && !late) return [];
  return [{ kind: 'lost-job', id: row.key, what: late ? 'its next look is a day late' : 'no index leads to it' }];
}

function recordsWithoutRow(snapshot: Snapshot): Finding[] {
  return [...snapshot.records].flatMap(([key, body]): Finding[] => {
    const { queue, id, time } = parsed(body);
    if (snapshot.at - Date.parse(text(time)) > ROW_LIFETIME_MS || rowAt(snapshot, `${queue}#${id}`)) return [];
    return text(id) === '' ? [] : [{ kind: 'lost-job', id: key, what: 'it has a record and no row' }];
  });
}

function effectsTwice({ effects }: Snapshot): Finding[] {
  const ids = new Map<string, Set<string>>();
  for (const { job, what, id } of effects) {
    const name = `${job} ${what}`;
    ids.set(name, (ids.get(name) ?? new Set()).add(id));
  }
  return [...ids]
    .filter(([, { size }]) => size > 1)
    .map(([name, { size }]) => ({
      kind: 'effect-twice',
      id: name.split(' ')[0] ?? '',
      what: `the vendor has ${size} of it`,
    }));
}

function record(snapshot: Snapshot, row: Item): Finding[] {
  if (!isEnd(row)) return [];
  const key = recordKey(snapshot, row);
  const body = key === undefined ? undefined : snapshot.records.get(key);
  if (body === undefined) {
    const recent = row.recordedAt === undefined && snapshot.at - number(row.endedAt) < UNFINISHED_MS;
    return recent ? [] : [{ kind: 'end-without-record', id: row.key, what: `it is ${stateOf(row)}` }];
  }
  const found = parsed(body);
  const wrong = ['state', 'reason', 'opened', 'payloadHash'].filter((name) => found[name] !== row[name]);
  if (Date.parse(text(found.endedAt)) !== number(row.endedAt)) wrong.push('endedAt');
  const recent = row.recordedAt === undefined && snapshot.at - number(row.updatedAt) < UNFINISHED_MS;
  return wrong.length === 0 || recent ? [] : [{ kind: 'record-differs', id: row.key, what: wrong.join(', ') }];
}

function entryWithoutRow(snapshot: Snapshot, { queue, messageId, moved, attributes }: Entry): Finding[] {
  const { job, code, messageId: from } = attributes;
  if (moved || code === undefined) return [];
  const row = job === undefined ? undefined : rowAt(snapshot, `${queue}#${job}`);
  const finding = (what: string): Finding[] => [
    { kind: 'entry-without-row', id: `${queue} message ${messageId}`, what },
  ];
  if (!row) return finding('no row has its job');
  // The message waits for newer code, whose row says something else.
  if (code === 'NewerRow') return [];
  return row.state === 'dead' && row.parkedFrom === from ? [] : finding(`its job is ${stateOf(row)}`);
}

function deadWithoutEntry({ at, entries, hidden, queues }: Snapshot, row: Item): Finding[] {
  const queue = queues.find(({ name }) => name === row.queue);
  if (row.state !== 'dead' || row.reason === 'expired' || row.leftDlqAt !== undefined || !queue) return [];
  const parkedAt = number(row.parkedAt);
  if (hidden.has(queue.name) || (parkedAt === 0 && at - number(row.endedAt) < UNFINISHED_MS)) return [];
  if (parkedAt > 0 && parkedAt + queue.dlqRetentionMs - MINUTE_MS < at) return [];
  const isThere = entries.some(
    ({ queue: name, attributes: { job, messageId } }) =>
      name === row.queue && job === row.id && messageId === row.parkedFrom,
  );
  const what = `its code is ${text((row.error as Item)?.code)}`;
  return isThere ? [] : [{ kind: 'dead-without-entry', id: row.key, what }];
}

/** In a FIFO queue, jobs of one group that ran straight through must not run beside each other or out of order. */
function brokenOrder(rows: readonly Item[], { name, fifo, retentionMs }: Queue): Finding[] {
  if (!fifo) return [];
  const straight = rows.filter(
    (row) => row.queue === name && row.group !== undefined && wentStraight(row, retentionMs),
  );
  const groups = new Map<string, Item[]>();
  for (const row of straight) groups.set(text(row.group), [...(groups.get(text(row.group)) ?? []), row]);
  return [...groups.values()].flatMap((group) => {
    const sorted = group.sort((a, b) => (sequenceOf(a) < sequenceOf(b) ? -1 : 1));
    return sorted.flatMap((row, index): Finding[] => {
      const before = sorted[index - 1];
      if (!before || startOf(row) >= number(before.endedAt) - SKEW_MS) return [];
      return [{ kind: 'order-broken', id: row.key, what: `it began before ${text(before.id)} had ended` }];
    });
  });
}

/** Whether one message brought the job from its queue to its success, without a hold, a return or a second life. */
function wentStraight(row: Item, retentionMs: number): boolean {
  const { state, opened, holds } = row;
  if (state !== 'succeeded' || opened !== 1 || holds !== 0 || list(row.left).length > 0) return false;
  const messages = new Set(list(row.deliveries).map(({ messageId }) => messageId));
  // A copy of the message in another group has its own place in the order.
  const inGroup = list(row.deliveries).every(({ group = row.group }) => group === row.group);
  const elsewhere = list(row.history).some(({ event }) =>
    /^(returned|reopened|redriven|given back|ended)/.test(text(event)),
  );
  // If a message expires while a worker handles it, SQS delivers the next one.
  const inTime = number(row.endedAt) < number(list(row.deliveries)[0]?.sentAt) + retentionMs - MINUTE_MS;
  return messages.size === 1 && inGroup && !elsewhere && inTime && sequenceOf(row) !== '';
}

/** SQS's sequence numbers are decimal and grow. */
const sequenceOf = (row: Item): string => text(list(row.deliveries)[0]?.sequence).padStart(40, '0').replace(/^0+$/, '');
const startOf = (row: Item): number => number(list(row.history).find(({ event }) => event === 'started')?.at);

function campaignSums({ items, at }: Snapshot): Finding[] {
  return items
    .filter(({ key }) => key.startsWith('campaign#'))
    .flatMap((campaign): Finding[] => {
      const { requested, recipients, duplicates, rejected, chunks, chunkSize, released, status } = campaign;
      const rows = items.filter((row) => isRow(row) && row.correlationId === campaign.id && row.id !== campaign.id);
      const wrong = [
        number(requested) === number(recipients) + number(duplicates) + number(rejected) ? '' : 'recipients',
        number(chunks) === Math.ceil(number(recipients) / Math.max(1, number(chunkSize))) ? '' : 'chunks',
        // The row of a chunk is written before the chunk is counted. After a cancel, a late message may leave such a row.
        rows.length === number(released) || (status !== 'ended' && rows.length === number(released) + 1)
          ? ''
          : 'released',
        status === 'cancelled' && rows.filter(({ state }) => state === 'succeeded').length > number(released)
          ? 'sent'
          : '',
        status === 'ended' && rows.some((row) => !isEnd(row) && row.opened === 1) ? 'ended' : '',
      ].filter(Boolean);
      const old = at - number(campaign.time) > ROW_LIFETIME_MS;
      return wrong.length === 0 || old
        ? []
        : [{ kind: 'campaign-sum-wrong', id: text(campaign.id), what: wrong.join(', ') }];
    });
}

const orphanBodies = (snapshot: Snapshot): Finding[] =>
  snapshot.bodies
    .filter((key) => !rowAt(snapshot, keyOfBody(snapshot.prefix, key)))
    .map((key) => ({ kind: 'orphan-body', id: key, what: 'no row has it' }));

/** A state that no sequence of events leads to. */
function unreachable(row: Item): Finding[] {
  const { state, reason } = row;
  const reasons = REASONS[text(state)];
  const last = list(row.history).findLast(({ event }) =>
    /^(succeeded$|dead \(|cancelled \(|held \(|started$)/.test(text(event)),
  );
  const wrong = [
    reasons === undefined ? 'no job has this state' : '',
    reasons && (reasons.length === 0 ? reason !== undefined : !reasons.includes(text(reason)))
      ? 'its reason does not fit'
      : '',
    (state === 'processing') !== (row.lease !== undefined) ? 'a run without a lease, or a lease without a run' : '',
    isEnd(row) !== (row.endedAt !== undefined) ? 'its end has no time, or it has not ended' : '',
    isEnd(row) && last?.event !== stateOf(row) ? 'its history ends otherwise' : '',
    number(row.opened) < 1 || number(row.version) < 1 ? 'it counts from 1' : '',
  ].filter(Boolean);
  return wrong.length === 0
    ? []
    : [{ kind: 'state-unreachable', id: row.key, what: `${stateOf(row)}: ${wrong.join('; ')}` }];
}

const stateOf = ({ state, reason }: Item): string =>
  reason === undefined ? text(state) : `${text(state)} (${text(reason)})`;

const rowAt = ({ items, others }: Snapshot, key: string): Item | undefined =>
  others.get(key) ?? items.find((item) => item.key === key);

function recordKey({ prefix, queues }: Snapshot, row: Item): string | undefined {
  const queue = queues.find(({ name }) => name === row.queue);
  const [date = '', hour = ''] = new Date(number(row.time)).toISOString().split(/[T:]/);
  const [year, month, day] = date.split('-');
  return queue && `${prefix}/${queue.records}/year=${year}/month=${month}/day=${day}/hour=${hour}/${text(row.id)}.json`;
}

function parsed(body: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(body);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
