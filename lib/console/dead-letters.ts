import { mapEach } from '../concurrency';
import { groupBy } from '../group-by';
import type { JobRow } from '../jobs/row';
import { parkedJobs } from '../ops/find';
import { queuesOf } from '../ops/operator';
import { slsCommand, words } from '../target';
import type { ConsoleDeps } from './deps';
import type { DeadGroup, DeadLetters } from './views';

/** More rows would take longer than a look at a screen. */
const MOST = 1_000;
const MOST_IDS = 5;
const MOST_MESSAGES = 3;
const AT_ONCE = 4;

/** Dead jobs with an entry in the dead-letter queue, grouped by queue, reason and code, as a filter selects them. The largest group first. */
export async function deadLetters(deps: ConsoleDeps, queue: string | undefined): Promise<DeadLetters> {
  const { deployment } = deps;
  const found = await mapEach(queuesOf(deployment, queue), AT_ONCE, (name) =>
    parkedJobs(deployment, { queue: name, limit: MOST }),
  );
  const rows = found.flatMap(({ rows }) => rows);
  const groups = [...groupBy(rows, groupKey).values()].map((rows) => groupOf(deps, rows));
  return { groups: groups.sort((a, b) => b.count - a.count), more: found.some(({ more }) => more) };
}

const groupKey = ({ queue, reason, error }: JobRow): string => JSON.stringify([queue, reason, error?.code]);

function groupOf({ target }: ConsoleDeps, rows: JobRow[]): DeadGroup {
  const [first] = rows;
  const since = rows.map(({ parkedAt = 0 }) => parkedAt);
  const { queue = '', reason = '', error } = first ?? {};
  const code = error?.code ?? '';
  const filter = [
    words`--queue ${queue} --state dead --job-reason ${reason}`,
    ...(code ? [words`--code ${code}`] : []),
  ];
  return {
    ...{ queue, reason, code },
    commands: ['retry', 'discard'].map((action) => slsCommand(`jobs ${action} ${filter.join(' ')}`, target)),
    messages: [...new Set(rows.flatMap(({ error }) => error?.message ?? []))].slice(0, MOST_MESSAGES),
    count: rows.length,
    oldest: Math.min(...since),
    newest: Math.max(...since),
    ids: rows.slice(0, MOST_IDS).map(({ id }) => id),
  };
}
