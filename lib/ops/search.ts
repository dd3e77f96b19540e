import { mapEach } from '../concurrency';
import { groupKey, hourKey, jobKey, type TodoKind, todoKeys } from '../jobs/keys';
import type { JobRow, State } from '../jobs/row';
import { UnreadableRowError } from '../jobs/stored-row';
import type { Due, Table } from '../ports';
import { jobId } from '../producer/job-id';
import { fitting, groupsOf, type JobFilter } from './job-filter';
import { OperatorError, queuesOf, type Reader } from './operator';

/** States that the index `todo` can find. Jobs in other states are found by their hour. */
const LISTED_STATES: readonly State[] = ['queued', 'processing', 'held', 'dead'];

/**
 * The possible states of jobs with each kind of entry in the index `todo`, in the order of a search: first what may need a
 * person. The excluded kinds are not of rows.
 */
const TODO_STATES: Record<Exclude<TodoKind, 'campaign' | 'lists' | 'files' | 'evidence'>, readonly State[]> = {
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

/**
 * Where a search looks. `group`: the index of message groups. `hours`: all jobs that were accepted in these hours.
 * `open`: jobs that wait or are dead.
 */
type Scope = 'group' | 'hours' | 'open';

const WHERE: Record<Scope, string> = {
  group: 'These are the jobs of its message groups. Only feedback has a group for a person.',
  hours: 'These are all jobs that were accepted in these hours.',
  open: 'Only jobs that wait or are dead were searched. Give a first hour to search ended ones too.',
};

/** One step of a search: the jobs that it found. */
export interface Found {
  rows: JobRow[];
  /** How many rows the search has read so far. */
  looked: number;
  /** How many of `of` parts are done: an hour, a kind of waiting or a group is a part. */
  done: number;
  of: number;
}

/** A search that has not begun. */
export interface Search {
  scope: Scope;
  /** The scope in a sentence. */
  where: string;
  /** Finds jobs part by part. It stops before the next read once `signal` is aborted. */
  steps(options?: { signal?: AbortSignal }): AsyncGenerator<Found, void>;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A job waits up to 30 days for its time and 14 in its queue, and its row is kept for 45 days after its end. */
export const LONGEST_DAYS = 90;
const PAGE = 200;
const AT_ONCE = 32;

/** Prepares a search. Rejects with an OperatorError for a value that cannot exist. Reads no job before the first step. */
export async function searchJobs(reader: Reader, filter: JobFilter): Promise<Search> {
  const groups = await groupsOf(filter, reader);
  const fits = fitting(filter, groups);
  const queues = queuesOf(reader, filter.queue);
  const scope = groups === undefined ? scopeOf(filter) : 'group';
  const { state } = filter;
  if (scope === 'open' && state !== undefined && !LISTED_STATES.includes(state))
    throw new OperatorError(`Jobs that are ${state} can only be found by their hours. Give a first hour.`);
  const { keys: parts, pages } = PARTS[scope](reader, { ...filter, groups }, queues);
  // An ended job has an entry while a write of it is missing.
  const isLooked = (row: JobRow): boolean => !row.canary && (scope !== 'open' || LISTED_STATES.includes(row.state));
  /** A job that goes on during the search may be under two entries. */
  const seen = new Set<string>();

  return {
    scope,
    where: WHERE[scope],
    async *steps({ signal } = {}) {
      let looked = 0;
      for (const [done, part] of parts.entries()) {
        for await (const keys of pages(part)) {
          if (signal?.aborted) return;
          const page = keys.filter((key) => !seen.has(key));
          for (const key of page) seen.add(key);
          const read = await mapEach(page, AT_ONCE, (key) => reader.ledger.known(key));
          looked += page.length;
          const rows = read.filter((row) => row !== undefined).filter((row) => isLooked(row) && fits(row));
          yield { rows, looked, done, of: parts.length };
        }
        if (signal?.aborted) return;
        yield { rows: [], looked, done: done + 1, of: parts.length };
      }
    },
  };
}

function scopeOf(filter: JobFilter): Scope {
  return filter.from === undefined && filter.to === undefined ? 'open' : 'hours';
}

/** The parts of a search as keys of an index, and how one is read: it yields pages of the keys of rows. */
interface Parts {
  keys: readonly string[];
  pages(part: string): AsyncIterable<readonly string[]>;
}

type Resolved = JobFilter & { groups: readonly string[] | undefined };

const PARTS: Record<Scope, (reader: Reader, filter: Resolved, queues: readonly string[]) => Parts> = {
  group: ({ table }, { groups = [] }, queues) => ({
    keys: groups.flatMap((group) => queues.map((queue) => groupKey(queue, group))),
    pages: (group) => pagesOf((after) => table.group(group, { limit: PAGE, after })),
  }),

  hours: ({ table, clock }, filter, queues) => {
    const hours = hoursOf(filter, clock.now());
    return {
      keys: hours.flatMap((hour) => queues.map((queue) => hourKey(queue, hour))),
      pages: (hour) => pagesOf((after) => table.hour(hour, { limit: PAGE, after })),
    };
  },

  open: ({ table }, { state }, queues) => ({
    keys: queues.flatMap((queue) =>
      (Object.keys(TODO_STATES) as (keyof typeof TODO_STATES)[]).flatMap((kind) =>
        mayHold(TODO_STATES[kind], state) ? todoKeys(queue, kind) : [],
      ),
    ),
    pages: (todo) => keysDue(table, todo),
  }),
};

/** The hours of a filter, the newest first, because a caller asks about a recent job. Throws an OperatorError. */
function hoursOf({ from, to = Number.POSITIVE_INFINITY }: JobFilter, now: number): number[] {
  if (from === undefined) throw new OperatorError('--to needs --from. Give the hour at which the search begins.');
  if (from >= to) throw new OperatorError('--from must be before --to.');
  if (from < now - LONGEST_DAYS * DAY_MS)
    throw new OperatorError(
      `--from must be at most ${LONGEST_DAYS} days ago. The rows of older jobs are deleted, unless a job waited for long. Search for it without hours, or by its id.`,
    );
  const first = Math.floor(from / HOUR_MS) * HOUR_MS;
  const hours: number[] = [];
  for (let hour = Math.floor((Math.min(to, now) - 1) / HOUR_MS) * HOUR_MS; hour >= first; hour -= HOUR_MS)
    hours.push(hour);
  return hours;
}

const mayHold = (states: readonly State[], state: State | undefined): boolean =>
  states.length > 0 && (state === undefined || states.includes(state));

async function* keysDue(table: Table, todo: string): AsyncGenerator<string[]> {
  const all = { until: Number.MAX_SAFE_INTEGER, limit: PAGE };
  for await (const page of pagesOf((after: Due | undefined) => table.due(todo, { ...all, after })))
    yield page.map(({ key }) => key);
}

async function* pagesOf<T>(read: (after: T | undefined) => Promise<T[]>): AsyncGenerator<T[]> {
  for (let after: T | undefined; ; ) {
    const page = await read(after);
    yield page;
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
