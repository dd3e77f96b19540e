import { mapEach } from '../concurrency';
import { groupBy } from '../group-by';
import type { JobRow } from '../jobs/row';
import { parkedJobs } from '../ops/find';
import { queuesOf } from '../ops/operator';
import type { ConsoleDeps } from './deps';
import type { DeadGroup, DeadLetters } from './views';

/** More rows would take longer than a look at a screen. */
const MOST = 1_000;
const MOST_IDS = 5;
const MOST_MESSAGES = 3;
const AT_ONCE = 4;

/** Dead jobs with an entry in the dead-letter queue, grouped by queue, reason and code, as a filter selects them. The largest group first. */
export async function deadLetters({ deployment }: ConsoleDeps, queue: string | undefined): Promise<DeadLetters> {
  const found = await mapEach(queuesOf(deployment, queue), AT_ONCE, (name) =>
    parkedJobs(deployment, { queue: name, limit: MOST }),
  );
  const rows = found.flatMap(({ rows }) => rows);
  const groups = [...groupBy(rows, groupKey).values()].map(groupOf);
  return { groups: groups.sort((a, b) => b.count - a.count), more: found.some(({ more }) => more) };
}

const groupKey = ({ queue, reason, error }: JobRow): string => JSON.stringify([queue, reason, error?.code]);

function groupOf(rows: JobRow[]): DeadGroup {
  const [first] = rows;
  const since = rows.map(({ parkedAt = 0 }) => parkedAt);
  return {
    queue: first?.queue ?? '',
    reason: first?.reason ?? '',
    code: first?.error?.code ?? '',
    messages: [...new Set(rows.flatMap(({ error }) => error?.message ?? []))].slice(0, MOST_MESSAGES),
    count: rows.length,
    oldest: Math.min(...since),
    newest: Math.max(...since),
    ids: rows.slice(0, MOST_IDS).map(({ id }) => id),
  };
}
