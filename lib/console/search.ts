import * as z from 'zod';
import { jobKey } from '../jobs/keys';
import type { JobRow } from '../jobs/row';
import type { JobFilter } from '../ops/job-filter';
import { nextAt, OperatorError, queuesOf, stateOf } from '../ops/operator';
import { jobsWithKey, searchJobs } from '../ops/search';
import { counted } from '../text';
import type { ConsoleDeps } from './deps';
import { type FoundJobs, type JobLine, SEARCHED } from './views';

const time = z.coerce.number().optional();

/** What to search for. All conditions must hold. `from` and `to`: when the jobs were accepted, ms since 1970. */
export const querySchema = z.object({
  q: z.string().optional(),
  /** What `q` is. Without it, the id of a job or the key of its caller. */
  by: z.enum(SEARCHED).optional(),
  /** The owner of the key, if the API gives its keys owners. */
  principal: z.string().optional(),
  queue: z.string().optional(),
  state: z.string().optional(),
  reason: z.string().optional(),
  code: z.string().optional(),
  vendor: z.string().optional(),
  from: time,
  to: time,
});
type Query = z.infer<typeof querySchema>;

/** More lines are no use to a reader. */
const MOST_FOUND = 500;

/** Searches jobs. It ends early once it has found enough, or if the reader goes away. */
export async function foundJobs(deps: ConsoleDeps, query: Query, signal: AbortSignal): Promise<FoundJobs> {
  if (query.q !== undefined && query.by === undefined) return lookUp(deps, query.q, query);
  const search = await searchJobs(deps.deployment, filterOf(query));
  const rows: JobRow[] = [];
  let looked = 0;
  for await (const step of search.steps({ signal })) {
    rows.push(...step.rows);
    looked = step.looked;
    if (rows.length > MOST_FOUND) break;
  }
  const more = rows.length > MOST_FOUND ? ` The first ${MOST_FOUND} are shown: use more filters.` : '';
  return {
    jobs: rows.slice(0, MOST_FOUND).map(lineOf),
    note: `${counted(looked, 'job')} looked at.${more} ${search.where}`,
  };
}

function filterOf({ by, q, principal, ...rest }: Query): JobFilter {
  if (principal !== undefined) throw new OperatorError('A principal owns a key: search for that key too.');
  return { ...(rest as JobFilter), ...(by === undefined ? {} : { [by]: q }) };
}

/** The jobs that an id or a caller's key names, whatever their state. */
async function lookUp({ deployment }: ConsoleDeps, q: string, { queue, principal }: Query): Promise<FoundJobs> {
  const own = await Promise.all(queuesOf(deployment, queue).map((name) => deployment.ledger.known(jobKey(name, q))));
  const ofKey = await jobsWithKey(deployment, { key: q, principal, queue });
  const rows = [...own.filter((row) => row !== undefined), ...ofKey];
  return { jobs: rows.map(lineOf), note: rows.length === 0 ? NO_ID : '' };
}

const NO_ID = 'No job has this id or this key. The key of a client or user belongs to its principal: give that too.';

const lineOf = (row: JobRow): JobLine => ({
  queue: row.queue,
  id: row.id,
  state: stateOf(row),
  attempts: row.attempts,
  accepted: row.time,
  next: nextAt(row),
  ended: row.endedAt,
  code: row.error?.code,
});
