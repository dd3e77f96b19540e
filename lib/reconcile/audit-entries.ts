import { jobKey, todoKey } from '../jobs/keys';
import { ATTRIBUTE } from '../jobs/park';
import type { JobRow } from '../jobs/row';
import { UNFINISHED_AFTER_MS } from '../jobs/schedule';
import type { ReceivedMessage } from '../ports';
import type { ReconcileDeps } from './deps';
import type { Difference } from './difference';
import { eachOf } from './each-of';
import { walkDeadLetters } from './walk';

/** Of the queue as it is now. */
export interface Entries {
  /** Dead rows whose entry has not gone. */
  parked: number;
  /** Messages in the DLQ. */
  entries: number;
  /** Messages that somebody else holds invisible: whose they are cannot be told until they are back. */
  hidden: number;
}

type Entry = Pick<ReceivedMessage, 'messageId' | 'attributes' | 'movedBySqs'>;

/** More dead jobs of one queue than a walk could look at before what it has seen comes back. */
const MOST = 100_000;
const AT_ONCE = 16;
/** An entry expires by the clock of SQS: near its end it may be there or not. */
const EXPIRY_MARGIN_MS = 60_000;

/**
 * Compares the dead rows of a queue whose entry has not gone with the messages in its DLQ. Rows are read before the
 * walk, since an entry is sent before its row says so, and where it was not seen once more after it.
 */
export async function auditEntries(
  deps: ReconcileDeps,
  queue: string,
): Promise<Entries & { differences: Difference[] }> {
  const url = deps.dlqUrl(queue);
  const rows = await parkedRows(deps, queue);
  const { inFlight: hidden } = await deps.queues.depth(url);
  const messages: Entry[] = [];
  const whole = await walkDeadLetters(deps, url, ({ messageId, attributes, movedBySqs }) => {
    messages.push({ messageId, attributes, movedBySqs });
    return true;
  });

  const seen = new Set<string>();
  const differences: Difference[] = [];
  await eachOf(messages, AT_ONCE, async (message) => {
    const difference = await judgeEntry(deps, { queue, message, seen });
    if (difference) differences.push(difference);
  });
  let parked = 0;
  await eachOf(rows, AT_ONCE, async (row) => {
    const found = seen.has(entryName(row.id, row.parkedFrom));
    const now = found ? row : await deps.ledger.get(row.key);
    if (!now || !isParked(now) || now.parkedFrom !== row.parkedFrom) return;
    parked++;
    if (!found && whole) differences.push({ kind: hidden > 0 ? 'entry-hidden' : 'entry-missing', id: row.id });
  });
  if (!whole) differences.push({ kind: 'entries-unseen', id: queue });
  return { parked, entries: messages.length, hidden, differences };
}

/** Dead rows that have an entry by now: it was sent, is due, and has not expired. */
async function parkedRows({ table, ledger, clock, settings }: ReconcileDeps, queue: string): Promise<JobRow[]> {
  const now = clock.now();
  const oldest = now - settings(queue).dlqRetention * 1000 + EXPIRY_MARGIN_MS;
  const due = await Promise.all(
    (['ending', 'dead'] as const).map((kind) => table.due(todoKey(queue, kind), { until: now, limit: MOST })),
  );
  const rows: JobRow[] = [];
  await eachOf(due.flat(), AT_ONCE, async ({ key }) => {
    const row = await ledger.get(key);
    if (!row || !isParked(row) || row.reason === 'expired') return;
    const { parkedAt, endedAt = 0 } = row;
    if (parkedAt === undefined ? endedAt < now - UNFINISHED_AFTER_MS : parkedAt > oldest) rows.push(row);
  });
  return rows;
}

async function judgeEntry(
  { ledger }: ReconcileDeps,
  { queue, message, seen }: { queue: string; message: Entry; seen: Set<string> },
): Promise<Difference | undefined> {
  const { messageId, attributes, movedBySqs } = message;
  const id = attributes[ATTRIBUTE.job];
  const row = id === undefined ? undefined : await ledger.get(jobKey(queue, id));
  if (row?.canary) return undefined;
  if (movedBySqs || attributes.code === undefined || id === undefined)
    return { kind: 'entry-unjudged', id: `message ${messageId}` };
  const entry = entryName(id, attributes.messageId);
  const again = seen.has(entry);
  seen.add(entry);
  const wanted = row && isParked(row) && entryName(id, row.parkedFrom) === entry;
  return wanted && !again ? undefined : { kind: 'entry-stray', id };
}

const isParked = ({ state, leftDlqAt }: JobRow): boolean => state === 'dead' && leftDlqAt === undefined;

const entryName = (id: string, parkedFrom: string | undefined): string => `${id} ${parkedFrom ?? ''}`;
