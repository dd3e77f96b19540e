import { groupBy } from '../group-by';
import { hasEntry } from '../jobs/park';
import type { JobRow } from '../jobs/row';
import { searchJobs } from '../ops/search';
import { slsCommand, words } from '../target';
import type { ConsoleDeps } from './deps';
import type { DeadGroup, DeadLetters } from './views';

/** More rows would take longer than a look at a screen. */
const MOST = 1_000;
const MOST_IDS = 5;
const MOST_MESSAGES = 3;

/** Dead jobs with an entry in the dead-letter queue, grouped by queue, reason and code, as a filter selects them. The largest group first. */
export async function deadLetters(deps: ConsoleDeps, queue: string | undefined): Promise<DeadLetters> {
  const { deployment } = deps;
  const now = deployment.clock.now();
  const rows: JobRow[] = [];
  const search = await searchJobs(deployment, { queue, state: 'dead' });
  for await (const step of search.steps()) {
    rows.push(...step.rows.filter((row) => hasEntry(deployment, row, now)));
    if (rows.length > MOST) break;
  }
  const groups = [...groupBy(rows, groupKey).values()].map((rows) => groupOf(deps, rows));
  return { groups: groups.sort((a, b) => b.count - a.count), more: rows.length > MOST };
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
