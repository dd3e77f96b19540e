import * as z from 'zod';
import { groupKey, jobKey, type TodoKind, todoKeys } from '../../engine/jobs/keys';
import { personOf } from '../../engine/jobs/person-hash';
import type { JobRow } from '../../engine/jobs/row';
import { ignoreUnreadable, UnreadableRowError } from '../../engine/jobs/row-schema';
import { ENDED_WITHIN_MS } from '../../engine/jobs/schedule';
import { PUT_ASIDE, REASONS, STATES, shownState } from '../../engine/jobs/states';
import { mapEach } from '../../platform/concurrency';
import { StoreError } from '../../platform/errors';
import type { Accepted, Due, Table } from '../../platform/ports';
import { jsonOf } from '../../platform/text';
import { feedbackPerson } from '../../queues/feedback/message';
import { VENDORS } from '../../queues/queues';
import { OperatorError, queuesOf, type Reader } from './operator';

/**
 * What to search for. Every field narrows the search. `from` and `to`: when the job was accepted, ms since 1970.
 * `without`: what a succeeded job lacks, or the code that says why. `mention`: a correlation id, a Zendesk ticket, a message of SQS, or the vendor's id of a mail. `user` and `email`: as
 * in the data of a feedback. `part`: a part of the id.
 */
export interface JobFilter extends Partial<Record<TextField, string | undefined>> {
  from?: number | undefined;
  to?: number | undefined;
}

type TextField = keyof ReturnType<typeof shownBy> | 'user' | 'email' | 'part';

const shownBy = (row: JobRow) => ({
  queue: [row.queue],
  group: [row.group],
  state: [shownState(row)],
  reason: [row.reason],
  code: [row.error?.code],
  without: row.without?.flatMap(({ what, code }) => [what, code]) ?? [],
  vendor: [row.vendor ?? row.error?.vendor],
  mention: mentionsOf(row),
});

/** The values that a field can have, and the option of the commands for it. */
const VALUES = {
  state: ['state', [...STATES, ...PUT_ASIDE]],
  reason: ['job-reason', REASONS],
  vendor: ['vendor', VENDORS],
} as const;

/** Whom a search is about: an address, the id that a caller gives its user, or both. */
export type Person = Pick<JobFilter, 'email' | 'user'>;

/** The `group` or `person` of rows about a person. There are more while the hash key changes. */
export async function hashesOf({ user, email }: Person, { hashPeople }: Pick<Reader, 'hashPeople'>) {
  const hashes = await hashPeople().catch((error: unknown) => {
    if (!(error instanceof StoreError)) throw error;
    throw new OperatorError(`A search for a person needs the instance's hash key: ${error.code}: ${error.message}`);
  });
  // An operator's keyboard may write an accent in another form than the program that gave the id.
  const ids = user === undefined ? [] : [...new Set([user, user.normalize('NFC'), user.normalize('NFD')])];
  const ofUser = ids.map((id) => feedbackPerson({ user: { id, email: '' } }));
  const ofAddress = email === undefined ? [] : [feedbackPerson({ user: { email } }), personOf(email)];
  return [...ofUser, ...ofAddress].flatMap(hashes);
}

function fits(row: JobRow, filter: JobFilter, ofPerson: readonly string[] | undefined): boolean {
  const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = filter;
  return (
    row.time >= from &&
    row.time < to &&
    (ofPerson === undefined || [row.group, row.person].some((hash) => ofPerson.includes(hash ?? ''))) &&
    Object.entries(shownBy(row)).every(([field, values]) => {
      const asked = filter[field as TextField];
      return asked === undefined || (values as unknown[]).includes(asked);
    })
  );
}

function mentionsOf({ deliveries, history, spentMessageIds, evidence = {}, steps, result, ...row }: JobRow): string[] {
  const messages = [...deliveries, ...history, ...Object.values(evidence)].map(({ messageId }) => messageId);
  const results = [result, ...Object.values(steps).map((step) => step.result)];
  const made = results.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
  const all = [row.correlationId, ...messages, ...spentMessageIds, ...made];
  return all.flatMap((one) => (one === undefined ? [] : String(one)));
}

const ALL = Number.MAX_SAFE_INTEGER;
const ENDS: readonly string[] = ['dead', ...PUT_ASIDE];

/**
 * The possible states of jobs with each kind of entry in the index `todo`, in the order of a search: first what may
 * need a person. The excluded kinds are not of rows.
 */
const TODO_STATES: Record<Exclude<TodoKind, 'files' | 'evidence'>, readonly string[]> = {
  dead: ['dead'],
  expired: ['dead'],
  kept: PUT_ASIDE,
  unknown: ['held'],
  paused: ['held'],
  held: ['held'],
  planned: ['held'],
  active: ['queued', 'processing', ...ENDS],
};

/** Jobs in other states have no entry there. They are found among all that were accepted. */
const isListed = (state: string): boolean => Object.values(TODO_STATES).some((states) => states.includes(state));

/** What a search without a state finds there. */
const isOpenOrDead = (state: string): boolean => isListed(state) && !PUT_ASIDE.some((aside) => aside === state);

/** What a search reads: the index of message groups, of accepted jobs, or the index `todo`. */
const WHERE = {
  group: 'These are the jobs of this person or message group.',
  accepted: 'The search goes from the newest job to the oldest.',
  todo: 'Only jobs that wait or are dead were searched. Give a first hour to search ended ones too.',
};

interface ListOptions {
  /** Searches ended jobs too. By default it does so only for hours, or for a state in which no job waits. */
  all?: boolean;
  /** The search ends once it has found `limit` jobs, or read about `most`. */
  limit?: number;
  most?: number;
  /** The `next` of the page before. */
  after?: string | undefined;
  signal?: AbortSignal | undefined;
  keep?: (row: JobRow) => boolean;
  /** `of`: parts of the search, of which a kind of waiting or a group is one. */
  onProgress?: (done: number, of: number) => void;
}

const PAGE = 200;
const PAGE_OF_KEYS = 1_000;
const AT_ONCE = 32;

/**
 * Finds jobs. `unread`: keys of rows that cannot be read. `next`: how to go on, if there may be more. `read`: how many
 * entries it read. `where`: which. Rejects with an OperatorError for a value that cannot exist, before it reads.
 */
export async function listJobs(reader: Reader, filter: JobFilter, options: ListOptions = {}) {
  const { limit = Number.POSITIVE_INFINITY, most = Number.POSITIVE_INFINITY } = options;
  const { all = false, after, signal, keep = () => true } = options;
  const { part = '' } = filter;
  const size = part === '' ? Math.min(PAGE, limit + 1) : PAGE_OF_KEYS;
  for (const [field, [option, values]] of Object.entries(VALUES)) {
    const asked = filter[field as keyof typeof VALUES];
    if (asked !== undefined && !(values as readonly string[]).includes(asked))
      throw new OperatorError(`--${option} must be one of ${values.join(', ')}, is ${asked}.`);
  }
  const { group, user, email } = filter;
  const ofPerson = user === undefined && email === undefined ? undefined : await hashesOf(filter, reader);
  const groups = group === undefined ? ofPerson : [group];
  const { index, parts } = partsOf(reader, filter, { groups, size, all });
  // An ended job has an entry in `todo` while a write of it is missing.
  const isSearched = (row: JobRow) =>
    !row.canary && (index !== 'todo' || (filter.state === undefined ? isOpenOrDead(shownState(row)) : true));
  const rows: JobRow[] = [];
  const unread: string[] = [];
  const readRow = (key: string) =>
    reader.ledger.get(key).catch((error: unknown) => {
      ignoreUnreadable(error);
      unread.push(key);
      return undefined;
    });
  /** A job that goes on during the search may be under two entries. */
  const seen = new Set<string>();
  const found = (place?: readonly [number, Entry | undefined]) => ({
    rows,
    unread,
    read: seen.size,
    where: WHERE[index],
    next: place && JSON.stringify(place),
  });
  const [first, last] = placeOf(after, parts.length);

  for (let at = first; at < parts.length; at++) {
    let entry = at === first ? last : undefined;
    for (;;) {
      if (signal?.aborted || seen.size >= most) return found([at, entry]);
      const entries = (await parts[at]?.(entry)) ?? [];
      const page = entries.filter(({ key }) => !seen.has(key));
      for (const { key } of page) seen.add(key);
      const named = page.filter(({ key }) => key.includes(part));
      const read = await mapEach(named, AT_ONCE, ({ key }) => readRow(key));
      for (const [place, row] of read.entries()) {
        if (!row || !isSearched(row) || !fits(row, filter, ofPerson) || !keep(row)) continue;
        // There is one more than it has to find.
        if (rows.length === limit) return found([at, entry]);
        rows.push(row);
        entry = named[place];
      }
      if (entries.length < size) break;
      entry = entries.at(-1);
    }
    options.onProgress?.(at + 1, parts.length);
  }
  return found();
}

type Entry = Due | Accepted | { key: string };

/** Where a page ended. It comes from an address, so it may be anything. */
function placeOf(next: string | undefined, parts: number): [number, Entry | undefined] {
  if (next === undefined) return [0, undefined];
  const place = z.tuple([z.int().min(0).max(parts), z.looseObject({ key: z.string() }).nullish()]);
  const { data } = place.safeParse(jsonOf(next));
  if (!data) throw new OperatorError('The next page is not of this search. Begin again.');
  return [data[0], (data[1] as Entry | null) ?? undefined];
}

/** The parts of a search: each reads pages of `size` entries. */
function partsOf(
  { table, clock, works, ...names }: Reader,
  filter: JobFilter,
  { groups, size: limit, all }: { groups: readonly string[] | undefined; size: number; all: boolean },
): { index: keyof typeof WHERE; parts: ((after: Entry | undefined) => Promise<Entry[]>)[] } {
  const { state, from, to, without } = filter;
  const queues = queuesOf(names, filter.queue);
  if (from !== undefined && to !== undefined && from >= to) throw new OperatorError('--from must be before --to.');
  if (groups) {
    const pageOf = (index: 'group' | 'person', hash: string) => async (after: Entry | undefined) =>
      (await table[index](hash, { limit, after: after?.key })).map((key) => ({ key }));
    const parts = groups.flatMap((group) => [
      ...queues.map((queue) => pageOf('group', groupKey(queue, group))),
      pageOf('person', group),
    ]);
    return { index: 'group', parts };
  }
  const isNarrow = [from, to, without].some((one) => one !== undefined);
  if (all || isNarrow || (state !== undefined && !isListed(state))) {
    const page = (after: Entry | undefined) => newest(table, queues, { ...filter, limit, after: after as Accepted });
    return { index: 'accepted', parts: [page] };
  }
  const kinds = (Object.keys(TODO_STATES) as (keyof typeof TODO_STATES)[]).filter((kind) =>
    TODO_STATES[kind].some((possible) => (state === undefined ? isOpenOrDead(possible) : possible === state)),
  );
  // Active jobs that have ended, and lack a write, come before the others.
  const isEnd = state !== undefined && ENDS.includes(state);
  const untilOf = (kind: TodoKind) => (isEnd && kind === 'active' ? clock.now() + ENDED_WITHIN_MS : ALL);
  const pageOf = (kind: TodoKind, key: string) => (after: Entry | undefined) =>
    table.due(key, { until: untilOf(kind), limit, after: after as Due });
  const pages = queues.flatMap((queue) =>
    kinds.flatMap((kind) => todoKeys(queue, kind, works[queue]?.vendors).map((key) => pageOf(kind, key))),
  );
  return { index: 'todo', parts: pages };
}

/** Reads what some queues accepted, the newest first. Of one millisecond, the first queue's jobs come first. */
async function newest(
  table: Table,
  queues: readonly string[],
  { from = 0, to, limit, after }: JobFilter & { limit: number; after?: Accepted | undefined },
): Promise<Accepted[]> {
  const of = queues.findIndex((queue) => after?.key.startsWith(jobKey(queue, '')));
  const last = after?.time ?? (to ?? Number.MAX_SAFE_INTEGER) - 1;
  const pages = await Promise.all(
    queues.map((queue, at) => {
      const until = at < of ? last - 1 : last;
      // DynamoDB refuses a range that ends before it begins.
      return until < from ? [] : table.accepted(queue, { from, limit, until, after: at === of ? after : undefined });
    }),
  );
  return pages
    .flat()
    .sort((a, b) => b.time - a.time)
    .slice(0, limit);
}

/** Finds a job's row by its id, in one queue or in all. Rejects with an OperatorError without a row that can be read. */
export async function findJob(reader: Reader, id: string, queue?: string): Promise<JobRow> {
  const asked = queuesOf(reader, queue);
  // Nothing may be done to the job of a row that does not parse.
  const readRow = (key: string) =>
    reader.ledger.get(key).catch((error: unknown) => {
      if (!(error instanceof UnreadableRowError)) throw error;
      throw new OperatorError(
        `${key}: ${error.message} (${error.code}). docs/runbook.md says how to restore the item.`,
      );
    });
  const rows = await Promise.all(asked.map((name) => readRow(jobKey(name, id))));
  const row = rows.find((found) => found !== undefined);
  if (!row)
    throw new OperatorError(`There is no job ${id} in ${asked.join(', ')}. Rows are kept 45 days after the end.`);
  return row;
}
