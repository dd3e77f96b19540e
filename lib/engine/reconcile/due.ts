import { mapEach } from '../../platform/concurrency';
import { groupBy } from '../../platform/group-by';
import { type DueSearch, everyDue, SHARE, writeItem } from '../jobs/items';
import type { JobRow } from '../jobs/row';
import type { ReconcileDeps, ReconcileRun } from './contract';

const AT_ONCE = 32;
const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 60 * 60_000;
const SPREAD = 0.25;

interface DueWork extends DueSearch {
  /** This many of the newest rows come first. */
  newest?: () => Promise<number>;
  /** Rows with the same value are handled one after another, in order. */
  inOrderBy?: (row: JobRow) => string;
}

/**
 * Handles each row that is due, page after page. It reads the row again first, because the index may be stale. A row
 * whose work fails waits for its next try: a minute, then two, up to an hour. So it does not block other rows.
 */
export async function eachDue(
  deps: ReconcileDeps & Pick<ReconcileRun, 'failed'>,
  work: DueWork,
  act: (row: JobRow) => Promise<unknown>,
): Promise<void> {
  const { ledger, clock, failed } = deps;
  const { todo, mayGoOn, until = clock.now(), inOrderBy = ({ key }) => key } = work;

  for await (const page of pages(deps, { ...work, until })) {
    const rows = await mapEach(page, AT_ONCE, async (key) => (mayGoOn() ? read(key) : undefined));
    const series = groupBy(rows.filter(isDue), inOrderBy);
    await mapEach([...series.values()], AT_ONCE, async (rows) => {
      for (const row of rows) if (mayGoOn()) await tried(row);
    });
  }

  function isDue(row: JobRow | undefined): row is JobRow {
    return row?.todo === todo && (row.todoAt ?? 0) <= until;
  }

  async function read(key: string): Promise<JobRow | undefined> {
    try {
      return await ledger.get(key);
    } catch (error) {
      const [queue = '', ...id] = key.split('#');
      failed({ queue, jobId: id.join('#'), error });
      return undefined;
    }
  }

  async function tried(row: JobRow): Promise<void> {
    try {
      await act(row);
    } catch (error) {
      // If the row refuses this write too, the next run tries it again.
      const times = await backOff(row).catch(() => undefined);
      failed({ queue: row.queue, jobId: row.id, error, ...(times === undefined ? {} : { times }) });
    }
  }

  /** Moves only the row's place in the index. `updatedAt` stays, because other times follow from it. */
  async function backOff(row: JobRow): Promise<number> {
    const failures = (row.failures ?? 0) + 1;
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LONGEST_WAIT_MS);
    const todoAt = Math.min(until, clock.now()) + Math.round(waitMs * (1 + SPREAD * deps.random.fraction()));
    await writeItem(deps, { ...row, failures, todoAt }, row.version);
    return failures;
  }
}

/** Keys of the due rows, oldest first. Unless all fit, `newest` of the newest rows come before the others. */
async function* pages(
  deps: ReconcileDeps,
  { newest = async () => 0, ...work }: DueWork & { until: number },
): AsyncGenerator<string[]> {
  const { table, share = SHARE } = deps;
  const oldest = everyDue(deps, work);
  const page = (await oldest.next()).value ?? [];
  const first = page.length > 0 ? await newest() : 0;
  // If they all fit, they stay in order.
  if (first > 0 && (page.length === share || page.length >= 2 * first)) {
    const last = await table.due(work.todo, { until: work.until, limit: first, newestFirst: true });
    yield last.map(({ key }) => key).reverse();
  }
  yield page;
  yield* oldest;
}
