import { mapEach } from '../concurrency';
import { StoreError, VENDORS } from '../errors';
import { feedbackPerson } from '../feedback/message';
import { groupKey, hourKey, jobKey, type TodoKind, todoKeys } from '../jobs/keys';
import { UnreadableRowError } from '../jobs/ledger';
import type { JobRow } from '../jobs/row';
import { REASONS, STATES } from '../jobs/states';
import type { Due } from '../ports';
import { jobId } from '../submit/options';
import { OperatorError, queuesOf, type Reader } from './operator';

/**
 * What to search for. Every field narrows the search. `from` and `to`: when the job was accepted, ms since 1970.
 * `message`: a message of SQS, or the vendor's id of a mail. `user` and `email`: as in the data of a feedback.
 */
export interface JobFilter extends Partial<Record<TextField, string | undefined>> {
  from?: number | undefined;
  to?: number | undefined;
}

type TextField = keyof typeof FITS | 'group' | 'user' | 'email';

const FITS = {
  queue: ({ queue }, asked) => queue === asked,
  state: ({ state }, asked) => state === asked,
  reason: ({ reason }, asked) => reason === asked,
  code: ({ error }, asked) => error?.code === asked,
  vendor: ({ vendor, error }, asked) => (vendor ?? error?.vendor) === asked,
  correlation: ({ correlationId }, asked) => correlationId === asked,
  ticket: ({ steps, result }, asked) => [steps.ticket?.result, result].some((of) => idsOf(of).includes(asked)),
  message: (row, asked) => messagesOf(row).includes(asked),
} satisfies Record<string, (row: JobRow, asked: string) => boolean>;

/** The values that a field can have, and the option of the commands for it. */
const VALUES = { state: ['state', STATES], reason: ['job-reason', REASONS], vendor: ['vendor', VENDORS] } as const;

/**
 * The message groups of a filter. `undefined`: it names none. A person has two while the hash key changes. Rejects with
 * an OperatorError if the hash key cannot be read.
 */
async function groupsOf(
  { group, user, email }: JobFilter,
  { hashPeople }: Pick<Reader, 'hashPeople'>,
): Promise<readonly string[] | undefined> {
  if (group !== undefined) return [group];
  if (user === undefined && email === undefined) return undefined;
  const hashes = await hashPeople().catch((error: unknown) => {
    if (!(error instanceof StoreError)) throw error;
    throw new OperatorError(`A search for a person needs the instance's hash key: ${error.code}: ${error.message}`);
  });
  const ofUser = user === undefined ? [] : hashes(feedbackPerson({ user: { id: user, email: '' } }));
  const ofEmail = email === undefined ? [] : hashes(feedbackPerson({ user: { email } }));
  return [...ofUser, ...ofEmail];
}

/** Whether a row fits a filter with these message groups. Throws an OperatorError for a value that cannot exist. */
function fitting(filter: JobFilter, groups: readonly string[] | undefined): (row: JobRow) => boolean {
  for (const [field, [option, values]] of Object.entries(VALUES)) {
    const asked = filter[field as keyof typeof VALUES];
    if (asked !== undefined && !(values as readonly string[]).includes(asked))
      throw new OperatorError(`--${option} must be one of ${values.join(', ')}, is ${asked}.`);
  }
  const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = filter;
  const given = (Object.keys(FITS) as (keyof typeof FITS)[]).flatMap((field) => {
    const asked = filter[field];
    return asked === undefined ? [] : [(row: JobRow) => FITS[field](row, asked)];
  });
  return (row) =>
    row.time >= from &&
    row.time < to &&
    (groups?.includes(row.group ?? '') ?? true) &&
    given.every((fits) => fits(row));
}

const idsOf = (result: unknown): string[] =>
  typeof result === 'object' && result !== null
    ? Object.values(result)
        .filter((value) => typeof value === 'string' || typeof value === 'number')
        .map(String)
    : [];

const messagesOf = ({ deliveries, history, spentMessageIds, evidence = {}, steps }: JobRow): string[] => [
  ...[...deliveries, ...history, ...Object.values(evidence)].flatMap(({ messageId }) => messageId ?? []),
  ...spentMessageIds,
  ...Object.values(steps).flatMap(({ result }) => idsOf(result)),
];

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

/** What a search reads: the index of message groups, hours of acceptance, or the index `todo`. */
const WHERE = {
  group: 'These are the jobs of its message groups. Only feedback has a group for a person.',
  hour: 'These are all jobs that were accepted in these hours.',
  todo: 'Only jobs that wait or are dead were searched. Give a first hour to search ended ones too.',
};

interface ListOptions {
  /** The search ends once it has found more. */
  limit?: number;
  /** Stops the search before the next read. */
  signal?: AbortSignal | undefined;
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

/**
 * Finds jobs. `more`: there are more, or the search was stopped. `read`: how many rows it has read. `where`: which, in a
 * sentence. Rejects with an OperatorError for a value that cannot exist, before it reads anything.
 */
export async function listJobs(
  reader: Reader,
  filter: JobFilter,
  { limit = Number.POSITIVE_INFINITY, signal, keep = () => true, onProgress = () => {} }: ListOptions = {},
) {
  const groups = await groupsOf(filter, reader);
  const fits = fitting(filter, groups);
  const { index, parts } = partsOf(reader, filter, groups);
  // An ended job has an entry in `todo` while a write of it is missing.
  const isSearched = (row: JobRow) => !row.canary && (index !== 'todo' || LISTED_STATES.includes(row.state));
  const rows: JobRow[] = [];
  /** A job that goes on during the search may be under two entries. */
  const seen = new Set<string>();
  const found = (more: boolean) => ({ rows, more, read: seen.size, where: WHERE[index] });

  for (const [done, pages] of parts.entries()) {
    for await (const keys of pages) {
      if (signal?.aborted) return found(true);
      const page = keys.filter((key) => !seen.has(key));
      for (const key of page) seen.add(key);
      for (const row of await mapEach(page, AT_ONCE, (key) => reader.ledger.known(key)))
        if (row && isSearched(row) && fits(row) && keep(row)) rows.push(row);
      if (rows.length > limit) return found(true);
    }
    onProgress(done + 1, parts.length);
  }
  return found(false);
}

/** The parts of a search: each yields pages of the keys of rows. */
function partsOf({ table, clock, ...names }: Reader, filter: JobFilter, groups: readonly string[] | undefined) {
  const { state, from, to } = filter;
  const queues = queuesOf(names, filter.queue);
  const pagesIn = (index: 'group' | 'hour', keys: string[]) => ({
    index,
    parts: keys.map((key) => pagesOf((after?: string) => table[index](key, { limit: PAGE, after }))),
  });
  if (groups)
    return pagesIn(
      'group',
      groups.flatMap((group) => queues.map((queue) => groupKey(queue, group))),
    );
  if (from !== undefined || to !== undefined)
    return pagesIn(
      'hour',
      hoursOf(filter, clock.now()).flatMap((hour) => queues.map((queue) => hourKey(queue, hour))),
    );
  if (state !== undefined && !LISTED_STATES.some((listed) => listed === state))
    throw new OperatorError(`Jobs that are ${state} can only be found by their hours. Give a first hour.`);
  const kinds = (Object.keys(TODO_STATES) as (keyof typeof TODO_STATES)[]).filter((kind) =>
    TODO_STATES[kind].some((possible) => possible === (state ?? possible)),
  );
  const keys = queues.flatMap((queue) => kinds.flatMap((kind) => todoKeys(queue, kind)));
  const all = { until: Number.MAX_SAFE_INTEGER, limit: PAGE };
  return {
    index: 'todo' as const,
    parts: keys.map((key) => pagesOf((after?: Due) => table.due(key, { ...all, after }))),
  };
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
