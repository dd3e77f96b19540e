import { eachOf, mapEach } from '../concurrency';
import { codeOf } from '../errors';
import { groupBy } from '../group-by';
import { everyDue } from '../jobs/due';
import { todoKey } from '../jobs/keys';
import { dropPlanned, jobOfEntry } from '../jobs/planned';
import { type JobRow, waitsForItsTime } from '../jobs/row';
import { release } from './release';
import type { ReconcileRun, Work } from './run';

const AT_ONCE = 16;
/** Until the next run begins, this run looks again for jobs whose time comes. */
const SOON_MS = 60_000;

/**
 * Sends planned jobs whose time has come to their queue, as their producers would send them now. So they do not wait
 * for room among the held jobs, and those of one group keep the order of their times. If a release fails, `releaseDue`
 * tries again.
 */
export const releasePlanned: Work = async (deps, queue, mayGoOn) => {
  const todo = todoKey(queue, 'planned');
  for await (const entries of everyDue(deps, { todo, mayGoOn })) {
    const keys = entries.map(jobOfEntry);
    const rows = await mapEach(keys, AT_ONCE, (key) => deps.ledger.known(key));
    const waiting = rows.filter((row) => row !== undefined && waitsForItsTime(row)) as JobRow[];
    const groups = groupBy(waiting, ({ group, key }) => group ?? key);
    await eachOf([...groups.values()], AT_ONCE, async (group) => {
      for (const row of group) if (mayGoOn()) await start(deps, row);
    });
    const ended = keys.filter((key) => !waiting.some((row) => row.key === key));
    await eachOf(ended, AT_ONCE, (key) => dropPlanned(deps, key));
  }
  const soon = await deps.table.due(todo, { until: deps.clock.now() + SOON_MS, limit: 1 });
  return soon.length > 0;
};

async function start(deps: ReconcileRun, row: JobRow): Promise<void> {
  try {
    await release(deps, row);
  } catch (error) {
    deps.failed({ queue: row.queue, jobId: row.id, code: codeOf(error) });
  }
  await dropPlanned(deps, row.key);
}
