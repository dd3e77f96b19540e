import { jobKey } from '../jobs/keys';
import type { JobRow, Reason, State } from '../jobs/row';
import { LISTED_STATES } from '../ops/find';
import type { JobFilter } from '../ops/job-filter';
import { nextAt } from '../ops/job-view';
import { OperatorError, queuesOf, stateOf } from '../ops/operator';
import { jobsWithKey, type Scope, searchJobs } from '../ops/search';
import type { ConsoleDeps } from './deps';
import type { JobLine, SearchBy, SearchLine } from './views';

/** What to search for. All conditions must hold. `from` and `to`: when the jobs were accepted, ms since 1970. */
export interface Query {
  /** What `q` is. Without it, the id of a job or the key of its caller. */
  by?: SearchBy | undefined;
  q?: string | undefined;
  /** The owner of the key, if the API gives its keys owners. */
  principal?: string | undefined;
  queue?: string | undefined;
  state?: string | undefined;
  reason?: string | undefined;
  code?: string | undefined;
  vendor?: string | undefined;
  from?: number | undefined;
  to?: number | undefined;
}

/** More lines are no use to a reader. */
const MOST_FOUND = 500;

/** Searches jobs, and returns lines as they are found. If the reader stops, the search stops too. */
export async function* jobLines({ deployment }: ConsoleDeps, query: Query): AsyncGenerator<SearchLine> {
  const { by, q } = query;
  if (q !== undefined && by === undefined) {
    const rows = await lookUp(deployment, q, query);
    for (const row of rows) yield { kind: 'job', job: lineOf(row) };
    return yield { kind: 'end', more: false, note: rows.length === 0 ? NO_ID : '' };
  }
  const search = await searchJobs(deployment, filterOf(query));
  let found = 0;
  for await (const { rows, done, of, looked } of search.steps()) {
    for (const row of rows) {
      if (found++ === MOST_FOUND)
        return yield { kind: 'end', more: true, note: `The first ${MOST_FOUND} are shown. Use more filters.` };
      yield { kind: 'job', job: lineOf(row) };
    }
    yield { kind: 'progress', done, of, looked };
  }
  yield {
    kind: 'end',
    more: false,
    note: found === 0 ? `Nothing fits. ${SCOPES[search.scope]}` : SCOPES[search.scope],
  };
}

const NO_ID = 'No job has this id or this key. The key of a client or user belongs to its principal: give that too.';

/** Where a search looked. */
const SCOPES: Record<Scope, string> = {
  group: 'This index has the jobs of this release and later. Only feedback has a message group for a person.',
  hours: 'These are the jobs that were accepted in these hours.',
  open: 'Only jobs that wait or are dead were searched. Give hours to search those that have ended too.',
};

function filterOf({ by, q, principal, ...rest }: Query): JobFilter {
  const { state, from, to } = rest;
  if (principal !== undefined) throw new OperatorError('A principal owns a key: search for that key too.');
  const listed = (LISTED_STATES as readonly string[]).includes(state ?? 'queued');
  if (!listed && from === undefined && to === undefined && by !== 'user' && by !== 'email' && by !== 'group')
    throw new OperatorError(`Jobs that are ${state} can only be found by their hours. Give a first hour.`);
  return {
    ...rest,
    state: state as State | undefined,
    reason: rest.reason as Reason | undefined,
    ...(by === undefined ? {} : { [by]: q }),
  };
}

/** The jobs that an id or a caller's key names, whatever their state. */
async function lookUp(
  deployment: ConsoleDeps['deployment'],
  q: string,
  { queue, principal }: Query,
): Promise<JobRow[]> {
  const own = await Promise.all(queuesOf(deployment, queue).map((name) => deployment.ledger.known(jobKey(name, q))));
  return [...own.filter((row) => row !== undefined), ...(await jobsWithKey(deployment, { key: q, principal, queue }))];
}

/** A row for a list. */
function lineOf(row: JobRow): JobLine {
  const next = nextAt(row);
  return {
    queue: row.queue,
    id: row.id,
    state: stateOf(row),
    attempts: row.attempts,
    accepted: row.time,
    ...(next === undefined ? {} : { next }),
    ...(row.endedAt === undefined ? {} : { ended: row.endedAt }),
    ...(row.error ? { code: row.error.code } : {}),
  };
}
