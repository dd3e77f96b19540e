import { mapEach } from '../concurrency';
import { groupBy } from '../group-by';
import { todoKey } from '../jobs/keys';
import type { Work } from './run';

const MOST_JOBS = 200;
const AT_ONCE = 16;

/**
 * Tells that jobs are dead, one fact for each error code. If the alarm about the DLQ fires from the first entry on, that
 * alarm tells it, and its message takes the codes from these facts.
 */
export const tellDead: Work = async (deps, queue) => {
  const { table, ledger, topic } = deps;
  if (!topic) return;
  const due = await table.due(todoKey(queue, 'dead'), {
    until: Number.MAX_SAFE_INTEGER,
    limit: MOST_JOBS,
    newestFirst: true,
  });
  const rows = await mapEach(due.toReversed(), AT_ONCE, ({ key }) => ledger.known(key));
  const dead = rows.flatMap((row) => (row?.state === 'dead' ? [row] : []));
  const quiet = topic.dlqDepth(queue) <= 1;
  for (const [code, jobs] of groupBy(dead, ({ error, reason }) => error?.code ?? reason ?? 'unknown'))
    await deps.tell({ kind: 'jobs-dead', subject: queue, code, count: jobs.length, jobId: jobs[0]?.id }, { quiet });
  if (due.length === MOST_JOBS) await deps.keep({ kind: 'jobs-dead', subject: queue });
};
