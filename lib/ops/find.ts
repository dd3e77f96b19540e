import { eachOf } from '../concurrency';
import { dueUnder } from '../jobs/due';
import { jobKey, type TodoKind, todoKey, todoKeys } from '../jobs/keys';
import { hasEntry } from '../jobs/park';
import type { JobRow, State } from '../jobs/row';
import { UnreadableRowError } from '../jobs/stored-row';
import { OperatorError, queuesOf, type Reader } from './operator';

/** Rows, oldest first, and whether there are more than the limit. */
export interface Found {
  rows: JobRow[];
  more: boolean;
}

/** States that the index `todo` can find. Jobs in other states are found by their hour. */
export const LISTED_STATES = ['queued', 'processing', 'held', 'dead'] as const satisfies State[];
export type ListedState = (typeof LISTED_STATES)[number];

/** The possible states of jobs with each kind of entry in the index `todo`. The excluded kinds are not of rows. */
export const TODO_STATES: Record<
  Exclude<TodoKind, 'campaign' | 'lists' | 'files' | 'evidence'>,
  readonly ListedState[]
> = {
  unsent: ['queued'],
  waiting: ['queued', 'processing'],
  held: ['held'],
  planned: ['held'],
  paused: ['held'],
  unknown: ['held'],
  ending: ['dead'],
  dead: ['dead'],
  kept: ['dead'],
  unpublished: [],
};
/** How many entries of one kind are read to find the jobs in a state. */
const MOST_LOOKED_AT = 1_000;
const AT_ONCE = 16;

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

/** Jobs in these states that have an entry in the index `todo`. */
export async function jobsInStates(
  reader: Reader,
  { queue, states, limit }: { queue: string; states: readonly ListedState[]; limit: number },
): Promise<Found> {
  const { table, ledger } = reader;
  const todos = Object.entries(TODO_STATES).flatMap(([kind, of]) => {
    if (!of.some((state) => states.includes(state))) return [];
    return [todoKeys(queue, kind as TodoKind)];
  });
  const options = { until: Number.MAX_SAFE_INTEGER, limit: MOST_LOOKED_AT };
  const due = await Promise.all(todos.map((keys) => dueUnder(table, keys, options)));
  const rows = await read(ledger, due.flat());
  const wanted = rows.filter(({ state }) => (states as readonly State[]).includes(state));
  return page(
    wanted,
    limit,
    due.some(({ length }) => length === MOST_LOOKED_AT),
  );
}

/** Dead jobs with an entry in the DLQ. */
export async function parkedJobs(reader: Reader, { queue, limit }: { queue: string; limit: number }): Promise<Found> {
  const due = await reader.table.due(todoKey(queue, 'dead'), { until: Number.MAX_SAFE_INTEGER, limit });
  const rows = await read(reader.ledger, due);
  const now = reader.clock.now();
  return page(
    rows.filter((row) => hasEntry(reader, row, now)),
    limit,
    due.length === limit,
  );
}

async function read(ledger: Reader['ledger'], keys: readonly { key: string }[]): Promise<JobRow[]> {
  const rows: JobRow[] = [];
  await eachOf(keys, AT_ONCE, async ({ key }) => {
    const row = await ledger.known(key);
    if (row) rows.push(row);
  });
  return rows;
}

function page(rows: JobRow[], limit: number, more: boolean): Found {
  const oldestFirst = rows.sort((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1));
  return { rows: oldestFirst.slice(0, limit), more: more || rows.length > limit };
}
