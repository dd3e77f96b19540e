import * as z from 'zod';
import { eachOf } from '../concurrency';
import { everyOfHour } from '../jobs/due';
import { hourKey, jobKey, recordKey, recordPartition } from '../jobs/keys';
import { isEnd, type JobRow } from '../jobs/row';
import { NewerRowError } from '../jobs/row-schema';
import { UNFINISHED_AFTER_MS } from '../jobs/schedule';
import type { ReconcileDeps } from './deps';
import type { Difference } from './difference';

/** Counts the jobs whose time is in the audited hours. */
export interface Records {
  /** Rows that have not ended. After a redrive or retry, such a row may still have the record of its last end. */
  live: number;
  /** Rows that have ended. */
  ended: number;
  /** Ended rows whose record agrees. */
  records: number;
  /** Rows that ended within the last minutes. Their record is still being written. */
  underWay: number;
}

type Finding = keyof Records | Difference;

const AT_ONCE = 16;
const LOOKS = 3;
const SUFFIX = '.json';

/** Compares the rows of one hour with the records in its partition. */
export async function auditHour(
  deps: ReconcileDeps,
  queue: string,
  hour: number,
): Promise<Records & { differences: Difference[] }> {
  const partition = recordPartition(deps.prefix, queue, hour);
  const ids = new Set(await rowsOf(deps, queue, hour));
  for (const key of await deps.objects.list(partition))
    if (key.endsWith(SUFFIX)) ids.add(key.slice(partition.length, -SUFFIX.length));

  const found: Records & { differences: Difference[] } = {
    live: 0,
    ended: 0,
    records: 0,
    underWay: 0,
    differences: [],
  };
  await eachOf([...ids], AT_ONCE, async (id) => {
    const finding = await compare(deps, { queue, id, key: `${partition}${id}${SUFFIX}` });
    if (finding === undefined) return;
    if (finding !== 'live' && !(typeof finding === 'object' && finding.kind === 'record-orphaned')) found.ended++;
    if (typeof finding === 'object') found.differences.push(finding);
    else found[finding]++;
  });
  return found;
}

async function rowsOf({ table }: ReconcileDeps, queue: string, hour: number): Promise<string[]> {
  const ids: string[] = [];
  for await (const page of everyOfHour(table, hourKey(queue, hour)))
    ids.push(...page.map((key) => key.slice(jobKey(queue, '').length)));
  return ids;
}

/** Reads the row, then the record. If they differ, it reads the row again, because jobs go on during an audit. */
async function compare(
  { ledger, objects, clock, prefix }: ReconcileDeps,
  { queue, id, key }: { queue: string; id: string; key: string },
): Promise<Finding | undefined> {
  for (let looks = 1; ; looks++) {
    const row = await ledger.get(jobKey(queue, id)).catch(newer);
    // Only newer code can compare the job.
    if (row === 'newer') return undefined;
    if (row && !isEnd(row.state)) return 'live';
    const bytes = await objects.get(key);
    const known = row && recordKey(prefix, row) === key;
    if (!known) return bytes && { kind: 'record-orphaned', id, key };
    const fields = bytes && disagreement(row, Buffer.from(bytes).toString('utf8'));
    if (fields?.length === 0) return 'records';
    const moved = (await ledger.known(row.key))?.version !== row.version;
    if (moved && looks < LOOKS) continue;
    if (row.recordedAt === undefined && clock.now() - (row.endedAt ?? 0) < UNFINISHED_AFTER_MS) return 'underWay';
    return fields ? { kind: 'record-disagrees', id, key, fields } : { kind: 'record-missing', id, key };
  }
}

function newer(error: unknown): 'newer' {
  if (error instanceof NewerRowError) return 'newer';
  throw error;
}

/** The fields that an audit compares. The record's version is its row's at that time, so it is never the higher one. */
const recordSchema = z.object({
  record: z.literal(1),
  state: z.string(),
  reason: z.string().optional(),
  opened: z.number(),
  endedAt: z.string().optional(),
  version: z.number(),
});

function disagreement(row: JobRow, text: string): string[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return ['record'];
  }
  const { data: record } = recordSchema.safeParse(json);
  if (!record) return ['record'];
  const endedAt = row.endedAt === undefined ? undefined : new Date(row.endedAt).toISOString();
  return [
    ...(record.state === row.state ? [] : ['state']),
    ...(record.reason === row.reason ? [] : ['reason']),
    ...(record.opened === row.generation ? [] : ['opened']),
    ...(record.endedAt === endedAt ? [] : ['endedAt']),
    ...(record.version <= row.version ? [] : ['version']),
  ];
}
