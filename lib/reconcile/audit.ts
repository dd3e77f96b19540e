import { eachOf } from '../concurrency';
import { finish } from '../jobs/finish';
import { jobKey } from '../jobs/keys';
import type { JobRow } from '../jobs/row';
import { isEnd } from '../jobs/row';
import { auditEntries, type Entries } from './audit-entries';
import { auditHour, type Records } from './audit-records';
import type { ReconcileDeps } from './deps';
import type { Difference } from './difference';
import { reconcile } from './reconcile';

/** What an audit counted, and every difference that it found. */
export interface Audit {
  queue: string;
  /** The start of the first audited hour and the end of the last one, ms since 1970. */
  from: number;
  to: number;
  records: Records;
  entries: Entries;
  differences: Difference[];
  /** Differences that were repaired. `differences` are those that remain. */
  repaired: Difference[];
}

const HOUR_MS = 3_600_000;
/** A row lives at least this many days after its job's time. For older jobs, a record without a row proves nothing. */
export const AUDIT_DAYS = 45;
const HOURS_AT_ONCE = 4;
/** The time for one run of the reconciler. */
const REPAIR_MS = 55_000;

/**
 * Audits every hour from the one of `from` up to `to`: each ended row must have its record. Audits the queue as it is
 * now: dead rows whose entry has not gone must match the jobs in the DLQ. With `repair`, it writes records from their
 * rows, sends missing entries, runs the reconciler once, and audits again.
 */
export async function audit(
  deps: ReconcileDeps,
  {
    queue,
    from,
    to,
    repair = false,
    onHour = () => {},
  }: { queue: string; from: number; to: number; repair?: boolean; onHour?: (done: number, of: number) => void },
): Promise<Audit> {
  const now = deps.clock.now();
  if (from < now - AUDIT_DAYS * 24 * HOUR_MS) throw new RangeError(`from must be within ${AUDIT_DAYS} days`);
  if (to <= from) throw new RangeError('to must be after from');
  const found = await look(deps, { queue, from, to: Math.min(to, now), onHour });
  if (!repair) return { ...found, repaired: [] };

  const repaired = await repairRows(deps, queue, found.differences);
  await reconcile(deps, { remainingMs: REPAIR_MS, evenBackedOff: true });
  return { ...(await look(deps, { queue, from, to: Math.min(to, now), onHour: () => {} })), repaired };
}

async function look(
  deps: ReconcileDeps,
  { queue, from, to, onHour }: { queue: string; from: number; to: number; onHour: (done: number, of: number) => void },
): Promise<Omit<Audit, 'repaired'>> {
  const first = Math.floor(from / HOUR_MS) * HOUR_MS;
  const hours = Array.from({ length: Math.ceil((to - first) / HOUR_MS) }, (_, index) => first + index * HOUR_MS);
  const records: Records = { live: 0, ended: 0, records: 0, underWay: 0 };
  const differences: Difference[] = [];
  let done = 0;
  await eachOf(hours, HOURS_AT_ONCE, async (hour) => {
    const found = await auditHour(deps, queue, hour);
    for (const count of ['live', 'ended', 'records', 'underWay'] as const) records[count] += found[count];
    differences.push(...found.differences);
    onHour(++done, hours.length);
  });
  const { differences: ofEntries, ...entries } = await auditEntries(deps, queue);
  const sorted = differences.sort((a, b) => ((a.key ?? '') < (b.key ?? '') ? -1 : 1));
  const last = hours.at(-1) ?? first;
  return { queue, from: first, to: last + HOUR_MS, records, entries, differences: [...sorted, ...ofEntries] };
}

/** Repairs what can be made again from a row. Records without a row, and entries that only a walk may judge, stay. */
async function repairRows(deps: ReconcileDeps, queue: string, differences: Difference[]): Promise<Difference[]> {
  const repaired: Difference[] = [];
  for (const difference of differences) {
    const forget = FORGET[difference.kind];
    if (!forget) continue;
    const { changed, item } = await deps.ledger.update(jobKey(queue, difference.id), (now) =>
      isEnd(now.state) ? forget(now) : undefined,
    );
    if (!changed) continue;
    await finish(deps, item);
    repaired.push(difference);
  }
  return repaired;
}

const withoutRecord = ({ recordedAt: _recordedAt, ...row }: JobRow): JobRow => row;
const withoutEntry = ({ parkedAt: _parkedAt, ...row }: JobRow): JobRow => row;

/** Without its mark the end counts as incomplete, and `finish` repeats the write that the mark stands for. */
const FORGET: Partial<Record<Difference['kind'], (row: JobRow) => JobRow>> = {
  'record-missing': withoutRecord,
  'record-disagrees': withoutRecord,
  'entry-missing': withoutEntry,
};
