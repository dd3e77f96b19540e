import { groupBy } from '../group-by';
import { ofKind, sinceOpened } from '../jobs/history';
import { bulkFolder, bulkJobsKey, bulkKey } from '../jobs/keys';
import { readItem, updateItem, writeItem } from '../jobs/ledger';
import type { JobRow } from '../jobs/row';
import { ROW_LIFETIME_MS } from '../jobs/schedule';
import type { Item } from '../ports';
import { newId } from '../producer/job-id';
import { isRetried, whyNot } from './may';
import { type ActingDeps, OperatorError, type Reader, stateOf } from './operator';
import type { Search } from './search';

export type BulkAction = 'retry' | 'cancel' | 'discard';

/** How many jobs of one kind a bulk action touches. */
export interface PreviewLine {
  queue: string;
  state: string;
  code?: string;
  count: number;
}

/** Work on many jobs (key `bulk#{id}`). The list of its jobs is in the bucket and never changes. */
export interface Bulk extends Item {
  id: string;
  action: BulkAction;
  at: number;
  /** The audit object of the command that made it. */
  audit: string;
  perSecond: number;
  preview: PreviewLine[];
  total: number;
  /** `ready`: not begun. A `running` bulk action whose process has died stays so until an operator continues it. */
  status: 'ready' | 'running' | 'stopped' | 'done';
  /** All jobs before this place have been looked at. */
  next: number;
  done: number;
  /** How many jobs could not be changed, and why, of the first ones. `next`: the command that helps. */
  refused: number;
  refusals: { id: string; why: string; next?: string }[];
  /** Jobs that a run may have retried before it died. They are not retried again. */
  unsure: string[];
}

export const MOST_PER_SECOND = 100;
const MOST_JOBS = 100_000;
const TOO_MANY = `A bulk action takes at most ${MOST_JOBS} jobs. Narrow the filter.`;

/** Why a bulk action leaves a job as it is. A job that an operator discarded stays dead unless its id is named. */
export function whyNotInBulk(action: BulkAction, row: JobRow, now: number): OperatorError | undefined {
  if (action === 'retry' && row.state === 'dead' && sinceOpened(row.history).some(ofKind('entryDiscarded')))
    return new OperatorError(`${row.id} stays dead, because its DLQ entry was discarded.`);
  return whyNot[action](row, now);
}

/** A job of a bulk action, as it was when an operator chose it. Lists of earlier code have keys only. */
export interface Chosen {
  key: string;
  place?: string | undefined;
  generation?: number;
}

/** Where a job is, to see later whether it has moved. */
const placeOf = (row: JobRow): string => (isRetried(row) ? `${stateOf(row)}, retried` : stateOf(row));

/** Whether a job is another one than the operator chose. A job that waits may move on, and is still to be cancelled. */
export const hasChanged = (action: BulkAction, { place, generation }: Chosen, row: JobRow): boolean =>
  place !== undefined && (generation !== row.generation || (action !== 'cancel' && place !== placeOf(row)));

/** The jobs of a search that an action can change, and how many rows were read. It stops early once `signal` is aborted. */
export async function jobsToTouch(
  { clock }: Pick<Reader, 'clock'>,
  search: Search,
  { action, only = () => true, signal }: { action: BulkAction; only?: (row: JobRow) => boolean; signal?: AbortSignal },
): Promise<{ rows: JobRow[]; looked: number }> {
  const may = (row: JobRow) => whyNotInBulk(action, row, clock.now()) === undefined && only(row);
  const rows: JobRow[] = [];
  let looked = 0;
  for await (const step of search.steps(signal ? { signal } : {})) {
    rows.push(...step.rows.filter(may));
    looked = step.looked;
    if (rows.length > MOST_JOBS) throw new OperatorError(TOO_MANY);
  }
  return { rows, looked };
}

/** Jobs as an operator has seen them. */
export interface Selection {
  /** In the order in which they were accepted, so that the jobs of a message group keep their order. */
  jobs: Chosen[];
  preview: PreviewLine[];
}

/** What a bulk action needs to know about its jobs. */
export const selectionOf = (rows: readonly JobRow[]): Selection => ({
  jobs: rows
    .toSorted((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1))
    .map((row) => ({ key: row.key, place: placeOf(row), generation: row.generation })),
  preview: previewOf(rows),
});

/** Counts of jobs by queue, state and error code, the most frequent first. */
function previewOf(rows: readonly JobRow[]): PreviewLine[] {
  const kinds = groupBy(rows, (row) => JSON.stringify([row.queue, stateOf(row), row.error?.code]));
  return [...kinds.values()]
    .flatMap((of) => {
      const [first] = of;
      if (!first) return [];
      const code = first.error?.code;
      return [{ queue: first.queue, state: stateOf(first), ...(code === undefined ? {} : { code }), count: of.length }];
    })
    .sort((a, b) => b.count - a.count);
}

/** Stores a bulk action. Nothing happens to its jobs before `runBulk`. Throws an OperatorError for too many jobs. */
export async function createBulk(
  deps: Pick<ActingDeps, 'table' | 'objects' | 'clock' | 'random' | 'prefix' | 'audit'>,
  { action, selection, perSecond }: { action: BulkAction; selection: Selection; perSecond: number },
): Promise<Bulk> {
  const { jobs, preview } = selection;
  if (jobs.length > MOST_JOBS) throw new OperatorError(TOO_MANY);
  if (perSecond > MOST_PER_SECOND)
    throw new OperatorError(`A bulk action takes at most ${MOST_PER_SECOND} jobs a second.`);
  const id = newId(deps);
  const at = deps.clock.now();
  const lines = jobs.map(({ key, place, generation }) => [key, place, generation].join('\t'));
  await deps.objects.create(bulkJobsKey(deps.prefix, id), lines.join('\n'), 'text/plain');
  const item: Bulk = {
    ...{ key: bulkKey(id), version: 0, writer: '', id, action, at, audit: deps.audit, perSecond },
    ...{ preview: preview.slice(0, MOST_LINES), total: jobs.length, status: 'ready' },
    ...{ next: 0, done: 0, refused: 0, refusals: [], unsure: [] },
    expiresAt: Math.ceil((at + ROW_LIFETIME_MS) / 1000),
  };
  const result = await writeItem({ ...deps, item, expected: 0 });
  return result.written ? result.item : item;
}

const MOST_LINES = 50;

/** Rejects with an OperatorError if there is no such bulk action. */
export async function bulkOf(deps: Pick<Reader, 'table' | 'clock' | 'random'>, id: string): Promise<Bulk> {
  const bulk = (await readItem(deps, bulkKey(id))) as Bulk | undefined;
  if (!bulk) throw new OperatorError(`There is no bulk action ${id}. They are kept for 45 days.`);
  return bulk;
}

/** The jobs of a bulk action, in the order in which they are touched. */
export async function bulkJobs({ objects, prefix }: Reader, id: string): Promise<Chosen[]> {
  const bytes = await objects.get(bulkJobsKey(prefix, id));
  if (!bytes) throw new OperatorError(`The list of jobs of bulk action ${id} is gone from the bucket.`);
  return Buffer.from(bytes)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [key = '', place, generation] = line.split('\t');
      return { key, place, generation: Number(generation) };
    });
}

/** The last bulk actions, the newest first. */
export async function lastBulks(reader: Reader, limit: number): Promise<Bulk[]> {
  const { objects, prefix, table } = reader;
  const folder = bulkFolder(prefix);
  const names = await objects.list(folder);
  const ids = names.map((name) => name.slice(folder.length).replace(/\.txt$/, '')).reverse();
  const bulks = await Promise.all(ids.slice(0, limit).map((id) => table.get(bulkKey(id))));
  return bulks.filter((bulk) => bulk !== undefined) as Bulk[];
}

/** Stops a bulk action after the jobs of the present second. It stays stopped until an operator continues it. */
export async function stopBulk(deps: Pick<Reader, 'table' | 'clock' | 'random'>, id: string): Promise<Bulk> {
  await bulkOf(deps, id);
  const { item } = await updateItem<Bulk>(deps, bulkKey(id), (bulk) =>
    bulk && bulk.status !== 'done' && bulk.status !== 'stopped' ? { ...bulk, status: 'stopped' } : undefined,
  );
  return item ?? bulkOf(deps, id);
}
