import { eachOf } from '../concurrency';
import { jobKey, todoKey } from '../jobs/keys';
import { ATTRIBUTE, hasEntry, keepsEntry } from '../jobs/park';
import type { JobRow } from '../jobs/row';
import { NEWER_ROW } from '../jobs/row-schema';
import { UNFINISHED_AFTER_MS } from '../jobs/schedule';
import type { ReceivedMessage } from '../ports';
import type { ReconcileDeps } from './deps';
import type { Difference } from './difference';
import { hiddenUntil } from './pass';
import { MOST_SHOWN, walkDeadLetters } from './walk';

/** The queue's dead rows and the messages of its DLQ, as they are now. */
export interface Entries {
  /** Dead rows whose entry has not gone. */
  parked: number;
  /** Messages in the DLQ. */
  entries: number;
  /** Messages that another reader hides. The audit learns their jobs only when they are visible again. */
  hidden: number;
  /** The reconciler's walk through a large DLQ hides messages until this time, ms since 1970. */
  hiddenUntil?: number;
}

/** What the audit keeps of each message. A hundred thousand of them must fit into memory. */
interface Entry {
  messageId: string;
  /** The job that has the entry, and the message that the job was parked from. Absent if SQS moved the message. */
  parked?: { id: string; from: string | undefined };
  id: string | undefined;
  /** The message waits for code that knows its row. */
  newer?: true;
}

const AT_ONCE = 16;
/** An entry expires by the clock of SQS, so near its end the DLQ may or may not still have it. */
const EXPIRY_MARGIN_MS = 60_000;

/**
 * Compares a queue's dead rows whose entry has not gone with the messages in its DLQ. An entry is sent before its row
 * says so, so rows are read before the walk. A row without an entry is read again after the walk.
 */
export async function auditEntries(
  deps: ReconcileDeps,
  queue: string,
): Promise<Entries & { differences: Difference[] }> {
  const url = deps.dlqUrl(queue);
  const { rows, all } = await parkedRows(deps, queue);
  const { inFlight: hidden } = await deps.queues.depth(url);
  const messages: Entry[] = [];
  const shown = await walkDeadLetters(deps, url, (message) => messages.push(entryOf(message)) > 0);
  const until = await hiddenUntil(deps, queue);

  const whole = shown && all;
  const seen = new Set<string>();
  const differences: Difference[] = [];
  await eachOf(messages, AT_ONCE, async (message) => {
    const difference = await judgeEntry(deps, { queue, message, seen });
    if (difference) differences.push(difference);
  });
  const absent = hidden > 0 || until !== undefined ? 'entry-hidden' : 'entry-missing';
  let parked = 0;
  await eachOf(rows, AT_ONCE, async (row) => {
    const found = seen.has(entryName(row.id, row.parkedFrom));
    const now = found ? undefined : await deps.ledger.known(row.key);
    if (!found && !(now && keepsEntry(now) && now.parkedFrom === row.parkedFrom)) return;
    parked++;
    if (!found && whole) differences.push({ kind: absent, id: row.id });
  });
  if (!whole) differences.push({ kind: 'entries-unseen', id: queue });
  return { parked, entries: messages.length, hidden, ...(until && { hiddenUntil: until }), differences };
}

type Parked = Pick<JobRow, 'key' | 'id' | 'parkedFrom'>;

/** Dead rows that must have an entry now: it was sent or is overdue, and has not expired. `all`: no row is left out. */
async function parkedRows(
  { table, ledger, clock, settings }: ReconcileDeps,
  queue: string,
): Promise<{ rows: Parked[]; all: boolean }> {
  const now = clock.now();
  const due = await Promise.all(
    (['ending', 'dead'] as const).map((kind) => table.due(todoKey(queue, kind), { until: now, limit: MOST_SHOWN })),
  );
  const rows: Parked[] = [];
  await eachOf(due.flat(), AT_ONCE, async ({ key }) => {
    const row = await ledger.known(key);
    if (!row || !keepsEntry(row)) return;
    const { id, parkedFrom, parkedAt, endedAt = 0 } = row;
    const isOverdue = parkedAt === undefined && endedAt < now - UNFINISHED_AFTER_MS;
    if (isOverdue || hasEntry({ settings }, row, now + EXPIRY_MARGIN_MS))
      rows.push({ key, id, ...(parkedFrom === undefined ? {} : { parkedFrom }) });
  });
  return { rows, all: due.every(({ length }) => length < MOST_SHOWN) };
}

function entryOf({ messageId, attributes, movedBySqs }: ReceivedMessage): Entry {
  const { [ATTRIBUTE.job]: id, code, messageId: from } = attributes;
  const parked = !movedBySqs && code !== undefined && id !== undefined;
  return { messageId, id, ...(parked && { parked: { id, from } }), ...(code === NEWER_ROW && { newer: true }) };
}

async function judgeEntry(
  { ledger }: ReconcileDeps,
  { queue, message, seen }: { queue: string; message: Entry; seen: Set<string> },
): Promise<Difference | undefined> {
  const { messageId, id, parked, newer } = message;
  const row = id === undefined ? undefined : await ledger.known(jobKey(queue, id));
  if (row?.canary) return undefined;
  if (newer) return row && { kind: 'entry-unjudged', id: `message ${messageId}` };
  if (!parked) return { kind: 'entry-unjudged', id: `message ${messageId}` };
  const entry = entryName(parked.id, parked.from);
  const again = seen.has(entry);
  seen.add(entry);
  const wanted = row && keepsEntry(row) && entryName(parked.id, row.parkedFrom) === entry;
  return wanted && !again ? undefined : { kind: 'entry-stray', id: parked.id };
}

const entryName = (id: string, parkedFrom: string | undefined): string => `${id} ${parkedFrom ?? ''}`;
