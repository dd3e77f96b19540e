import { mapEach } from '../concurrency';
import { groupKey, hourKey, jobKey, type TodoKind, todoKeys } from '../jobs/keys';
import { type JobRow, STATES } from '../jobs/row';
import { UnreadableRowError } from '../jobs/stored-row';
import type { Due } from '../ports';
import { jobId } from '../submit/job-id';
import { fitting, groupsOf, type JobFilter } from './job-filter';
import { OperatorError, queuesOf, type Reader } from './operator';

/**
 * The possible states of jobs with each kind of entry in the index `todo`, in the order of a search: first what may
 * need a person. The excluded kinds are not of rows.
 */
const TODO_STATES: Record<Exclude<TodoKind, 'campaign' | 'lists' | 'files' | 'evidence'>, readonly string[]> = {
  ending: ['dead'],
  dead: ['dead'],
  kept: ['dead'],
  unknown: ['held'],
  paused: ['held'],
  held: ['held'],
  planned: ['held'],
  unsent: ['queued'],
  waiting: ['queued', 'processing'],
  unpublished: [],
};

/** Jobs in other states have no entry there. They are found by their hour. */
const LISTED_STATES = STATES.filter((state) => Object.values(TODO_STATES).some((states) => states.includes(state)));

/** Where a search looks: in the index of message groups, in hours of acceptance, or in the index `todo`. */
const WHERE = {
  groups: 'These are the jobs of its message groups. Only feedback has a group for a person.',
  hours: 'These are all jobs that were accepted in these hours.',
  open: 'Only jobs that wait or are dead were searched. Give a first hour to search ended ones too.',
};

/** `more`: there are more, or the search was stopped. `looked`: how many rows it has read. `where`: in a sentence. */
interface Listed {
  rows: JobRow[];
  more: boolean;
  looked: number;
  where: string;
}

interface ListOptions {
  /** The search ends once it has found more. */
  limit?: number;
  /** Stops the search before the next read. */
  signal?: AbortSignal | undefined;
  /** What must hold beside the filter. */
  keep?: (row: JobRow) => boolean;
  /** An hour, a kind of waiting or a group is a part. */
  onProgress?: (done: number, of: number) => void;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A job waits up to 30 days for its time and 14 in its queue, and its row is kept for 45 days after its end. */
export const LONGEST_DAYS = 90;
const PAGE = 200;
const AT_ONCE = 32;

/** Finds jobs. Rejects with an OperatorError for a value that cannot exist, before it reads anything. */
export async function listJobs(
  reader: Reader,
  filter: JobFilter,
  { limit = Number.POSITIVE_INFINITY, signal, keep = () => true, onProgress = () => {} }: ListOptions = {},
): Promise<Listed> {
  const groups = await groupsOf(filter, reader);
  const fits = fitting(filter, groups);
  const { scope, parts } = partsOf(reader, filter, groups);
  // An ended job has an entry while a write of it is missing.
  const isLooked = (row: JobRow) => !row.canary && (scope !== 'open' || LISTED_STATES.includes(row.state));
  const rows: JobRow[] = [];
  /** A job that goes on during the search may be under two entries. */
  const seen = new Set<string>();
  const listed = (more: boolean): Listed => ({ rows, more, looked: seen.size, where: WHERE[scope] });

  for (const [done, pages] of parts.entries()) {
    for await (const keys of pages) {
      if (signal?.aborted) return listed(true);
      const page = keys.filter((key) => !seen.has(key));
      for (const key of page) seen.add(key);
      for (const row of await mapEach(page, AT_ONCE, (key) => reader.ledger.known(key)))
        if (row && isLooked(row) && fits(row) && keep(row)) rows.push(row);
      if (rows.length > limit) return listed(true);
    }
    onProgress(done + 1, parts.length);
  }
  return listed(false);
}

/** The parts of a search: each yields pages of the keys of rows. */
function partsOf({ table, clock, ...names }: Reader, filter: JobFilter, groups: readonly string[] | undefined) {
  const queues = queuesOf(names, filter.queue);
  if (groups) {
    const keys = groups.flatMap((group) => queues.map((queue) => groupKey(queue, group)));
    const pages = (key: string) => pagesOf((after?: string) => table.group(key, { limit: PAGE, after }));
    return { scope: 'groups' as const, parts: keys.map(pages) };
  }
  if (filter.from !== undefined || filter.to !== undefined) {
    const keys = hoursOf(filter, clock.now()).flatMap((hour) => queues.map((queue) => hourKey(queue, hour)));
    const pages = (key: string) => pagesOf((after?: string) => table.hour(key, { limit: PAGE, after }));
    return { scope: 'hours' as const, parts: keys.map(pages) };
  }
  const { state } = filter;
  if (state !== undefined && !LISTED_STATES.some((listed) => listed === state))
    throw new OperatorError(`Jobs that are ${state} can only be found by their hours. Give a first hour.`);
  const kinds = (Object.keys(TODO_STATES) as (keyof typeof TODO_STATES)[]).filter((kind) =>
    TODO_STATES[kind].some((possible) => possible === (state ?? possible)),
  );
  const keys = queues.flatMap((queue) => kinds.flatMap((kind) => todoKeys(queue, kind)));
  const all = { until: Number.MAX_SAFE_INTEGER, limit: PAGE };
  const pages = (key: string) => pagesOf((after?: Due) => table.due(key, { ...all, after }));
  return { scope: 'open' as const, parts: keys.map(pages) };
}

/** The hours of a filter, the newest first, because a caller asks about a recent job. Throws an OperatorError. */
function hoursOf({ from, to = Number.POSITIVE_INFINITY }: JobFilter, now: number): number[] {
  if (from === undefined) throw new OperatorError('--to needs --from. Give the hour at which the search begins.');
  if (from >= to) throw new OperatorError('--from must be before --to.');
  if (from < now - LONGEST_DAYS * DAY_MS)
    throw new OperatorError(
      `--from must be at most ${LONGEST_DAYS} days ago. The rows of older jobs are deleted, unless a job waited for long. Search for it without hours, or by its id.`,
    );
  const first = Math.floor(from / HOUR_MS);
  const last = Math.floor((Math.min(to, now) - 1) / HOUR_MS);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, back) => (last - back) * HOUR_MS);
}

/** Pages of the keys of entries. An entry of an index by time also has its time. */
async function* pagesOf<T extends string | Due>(read: (after?: T) => Promise<T[]>): AsyncGenerator<readonly string[]> {
  for (let after: T | undefined; ; ) {
    const page = await read(after);
    yield page.map((entry) => (typeof entry === 'string' ? entry : entry.key));
    if (page.length < PAGE) return;
    after = page.at(-1);
  }
}

/** Finds a job's row by its id. `queue`: searches only this queue. */
export async function findJob(reader: Reader, id: string, queue?: string): Promise<JobRow> {
  const asked = queuesOf(reader, queue);
  const rows = await Promise.all(asked.map((name) => readRow(reader, jobKey(name, id))));
  const row = rows.find((found) => found !== undefined);
  if (!row)
    throw new OperatorError(`There is no job ${id} in ${asked.join(', ')}. Rows are kept 45 days after the end.`);
  return row;
}

/** Reads a row. Rejects with an OperatorError for one that does not parse: nothing may be done to its job. */
async function readRow({ ledger }: Reader, key: string): Promise<JobRow | undefined> {
  try {
    return await ledger.get(key);
  } catch (error) {
    if (!(error instanceof UnreadableRowError)) throw error;
    throw new OperatorError(`${key}: ${error.message} (${error.code}). docs/runbook.md says how to restore the item.`);
  }
}

/** The jobs that a caller sent with this key, at most one of each queue. */
export async function jobsWithKey(
  reader: Reader,
  { key, principal, queue }: { key: string; principal?: string | undefined; queue?: string | undefined },
): Promise<JobRow[]> {
  const keys = queuesOf(reader, queue).map((name) => jobKey(name, jobId({ ...reader, queue: name, key, principal })));
  const rows = await mapEach(keys, AT_ONCE, (of) => reader.ledger.known(of));
  return rows.filter((row) => row !== undefined);
}
