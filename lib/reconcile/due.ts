import { eachOf, mapEach } from '../concurrency';
import { JobError } from '../errors';
import { groupBy } from '../group-by';
import { backOff, backoffOf, LONGEST_BACKOFF_MS } from '../jobs/backoff';
import { SHARE } from '../jobs/due';
import type { JobRow } from '../jobs/row';
import type { Due } from '../ports';
import type { ReconcileDeps } from './deps';
import type { ReconcileRun } from './run';

/** Rows that are worked on side by side. */
const AT_ONCE = 32;

export interface DueWork {
  todo: string;
  mayGoOn: () => boolean;
  /** Up to where work is due; now where nothing is said. */
  until?: number;
  /** Of more than a page so many of the newest come first: a job that is fine waits for no crowd that is not. */
  newest?: () => Promise<number>;
  /** Rows of the same name are worked on one after another, in their order. */
  lineOf?: (row: JobRow) => string;
}

/**
 * Does something for each row that is due for it, page after page. What the index says is read again before it is acted
 * on. A row whose work fails is noted and has to wait (lib/jobs/backoff.ts): it keeps no other row from its turn.
 */
export async function eachDue(
  deps: ReconcileRun,
  work: DueWork,
  act: (row: JobRow) => Promise<unknown>,
): Promise<void> {
  const { ledger, clock, failed, evenBackedOff } = deps;
  const { todo, mayGoOn, until = clock.now(), lineOf = ({ key }) => key } = work;
  const horizon = evenBackedOff ? until + LONGEST_BACKOFF_MS : until;

  for await (const page of pages(deps, { ...work, until: horizon })) {
    const rows = await mapEach(page, AT_ONCE, async (key) => (mayGoOn() ? read(key) : undefined));
    const lines = groupBy(rows.filter(isDue), lineOf);
    await eachOf([...lines.values()], AT_ONCE, async (line) => {
      for (const row of line) if (mayGoOn()) await tried(row);
    });
  }

  function isDue(row: JobRow | undefined): row is JobRow {
    return row?.todo === todo && ((row.todoAt ?? 0) <= until || (evenBackedOff && backoffOf(row) !== undefined));
  }

  async function read(key: string): Promise<JobRow | undefined> {
    try {
      return await ledger.get(key);
    } catch (error) {
      const [queue = '', ...id] = key.split('#');
      failed({ queue, jobId: id.join('#'), code: codeOf(error) });
      return undefined;
    }
  }

  async function tried(row: JobRow): Promise<void> {
    try {
      await act(row);
    } catch (error) {
      const code = codeOf(error);
      // A row that takes no write either is tried again by the next run.
      const times = await backOff(deps, row, { code, from: until }).catch(() => undefined);
      failed({ queue: row.queue, jobId: row.id, code, ...(times === undefined ? {} : { times }) });
    }
  }
}

export const codeOf = (error: unknown): string => (error instanceof JobError ? error.code : 'Unexpected');

/** Keys of what is due, oldest first; of more than a page the newest before the others. */
async function* pages(
  { table, share = SHARE }: ReconcileDeps,
  { todo, mayGoOn, until, newest = async () => share }: DueWork & { until: number },
): AsyncGenerator<string[]> {
  let page = await table.due(todo, { until, limit: share });
  if (page.length === share)
    yield keysOf((await table.due(todo, { until, limit: await newest(), newestFirst: true })).toReversed());
  yield keysOf(page);
  while (page.length === share && mayGoOn()) {
    page = await table.due(todo, { until, after: page.at(-1), limit: share });
    yield keysOf(page);
  }
}

const keysOf = (page: Due[]): string[] => page.map(({ key }) => key);
