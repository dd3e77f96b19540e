import * as z from 'zod';
import { groupBy } from '../../lib/group-by';
import { jobKey } from '../../lib/jobs/keys';
import { hasEntry } from '../../lib/jobs/ledger';
import type { JobRow } from '../../lib/jobs/row';
import { sentEnvelope } from '../../lib/ops/act';
import { shapeOf } from '../../lib/ops/analytics';
import { jobView, nextAt, OperatorError, queuesOf, stateOf } from '../../lib/ops/operator';
import { findJob, type JobFilter, jobsWithKey, listJobs } from '../../lib/ops/search';
import { slsCommand, words } from '../../lib/target';
import { counted } from '../../lib/text';
import { audited, type ConsoleDeps } from './deps';
import { explain, timeline } from './explain';

const SEARCHED = ['user', 'email', 'correlation', 'ticket', 'message', 'group'] as const;
export type SearchBy = (typeof SEARCHED)[number];

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
  from: z.coerce.number().optional(),
  to: z.coerce.number().optional(),
  /** The `next` of the page before. */
  after: z.string().optional(),
});
type Query = z.infer<typeof querySchema>;

export type FoundJobs = Awaited<ReturnType<typeof foundJobs>>;

const PAGE = 50;
/** What one page reads at most before it shows what it has found: rows, or keys for a part of an id. */
const MOST_ROWS = 2_000;
const MOST_KEYS = 50_000;

/**
 * A page of jobs. It ends when it is full, has read enough or the reader goes away. `note`: what it has read. `next`:
 * the `after` of the next page.
 */
export async function foundJobs(deps: ConsoleDeps, query: Query, signal: AbortSignal) {
  if (query.q !== undefined && query.by === undefined) return lookUp(deps, query.q, query);
  const filter = filterOf(query);
  const all = [filter.state, filter.reason, filter.code, filter.vendor].every((given) => given === undefined);
  const { rows, read, where, next } = await listJobs(deps.deployment, filter, {
    ...{ limit: PAGE, most: filter.part === undefined ? MOST_ROWS : MOST_KEYS, all, after: query.after, signal },
  });
  return { jobs: rows.map(lineOf), note: `${counted(read, 'job')} read. ${where}`, next };
}

function filterOf({ by, q, principal, after: _after, ...rest }: Query): JobFilter {
  if (principal !== undefined) throw new OperatorError('A principal owns a key: search for that key too.');
  return { ...(rest as JobFilter), ...(by === undefined ? {} : { [by]: q }) };
}

/** The jobs that an id or a caller's key names, whatever their state. */
async function lookUp({ deployment }: ConsoleDeps, q: string, { queue, principal }: Query) {
  const own = await Promise.all(queuesOf(deployment, queue).map((name) => deployment.ledger.known(jobKey(name, q))));
  const ofKey = await jobsWithKey(deployment, { key: q, principal, queue });
  const rows = [...own.filter((row) => row !== undefined), ...ofKey];
  return { jobs: rows.map(lineOf), note: rows.length === 0 ? NO_ID : '', next: undefined };
}

const NO_ID = 'No job has this id or this key. The key of a client or user belongs to its principal: give that too.';

const lineOf = (row: JobRow) => ({
  queue: row.queue,
  id: row.id,
  state: stateOf(row),
  attempts: row.attempts,
  accepted: row.time,
  next: nextAt(row),
  ended: row.endedAt,
  code: row.error?.code,
});

export type DeadLetters = Awaited<ReturnType<typeof deadLetters>>;

const MOST_DEAD = 1_000;

/** Dead jobs in the DLQ, the largest group first. `more`: not all were read, so counts are lower bounds. */
export async function deadLetters(deps: ConsoleDeps, queue: string | undefined) {
  const { deployment } = deps;
  const now = deployment.clock.now();
  const keep = (row: JobRow) => hasEntry(deployment, row, now);
  const { rows, next } = await listJobs(deployment, { queue, state: 'dead' }, { limit: MOST_DEAD, keep });
  const key = ({ queue, reason, error }: JobRow): string => JSON.stringify([queue, reason, error?.code]);
  const groups = [...groupBy(rows, key).values()].map((rows) => groupOf(deps, rows));
  return { groups: groups.sort((a, b) => b.count - a.count), more: next !== undefined };
}

/** `messages` and `ids` are some of them. `commands` act on all. */
function groupOf({ target }: ConsoleDeps, rows: JobRow[]) {
  const { queue = '', reason = '', error } = rows[0] ?? {};
  const code = error?.code ?? '';
  const filter = [words`--queue ${queue} --state dead --job-reason ${reason}`, code && words`--code ${code}`];
  return {
    ...{ queue, reason, code },
    commands: ['retry', 'discard'].map((act) => slsCommand(`jobs ${act} ${filter.join(' ').trim()}`, target)),
    messages: [...new Set(rows.flatMap(({ error }) => error?.message ?? []))].slice(0, 3),
    count: rows.length,
    oldest: Math.min(...rows.map(({ parkedAt = 0 }) => parkedAt)),
    ids: rows.slice(0, 5).map(({ id }) => id),
  };
}

export type JobPage = Awaited<ReturnType<typeof jobPageOf>>;

/** All about a job that an operator may see without a reason. `job` is as in its record, `row` as in the table. */
export async function jobPageOf(
  { deployment }: ConsoleDeps,
  { queue, id }: { queue?: string | undefined; id: string },
) {
  const row = await findJob(deployment, id, queue);
  const { key: _key, writer: _writer, lease: _lease, ...stored } = { ...row, steps: withoutKept(row) };
  return {
    state: stateOf(row),
    explained: explain(row, deployment.clock.now()),
    timeline: timeline(row),
    job: jobView(row, deployment.prefix) as Pick<JobRow, 'queue' | 'id' | 'steps' | 'error'>,
    row: stored as Record<string, unknown>,
  };
}

/** A confidential result stays in the table. */
const withoutKept = ({ steps }: JobRow): JobRow['steps'] =>
  Object.fromEntries(Object.entries(steps).map(([name, { kept: _kept, ...step }]) => [name, step]));

/** What a job was sent with. `unmask` shows it, after an audit object was stored. Otherwise only its shape is shown. */
export async function jobData(
  deps: ConsoleDeps,
  { queue, id }: { queue: string; id: string },
  { unmask }: { unmask: boolean },
): Promise<{ data: unknown }> {
  const row = await findJob(deps.deployment, id, queue);
  // Before the body is read: who asks leaves a trace also if S3 refuses.
  if (unmask) await audited(deps, { action: 'job.reveal', arguments: { queue, id }, reads: true });
  const { data, dataref } = await sentEnvelope(deps.deployment, row);
  if (dataref !== undefined) return { data: { dataref } };
  return { data: unmask ? data : shapeOf(data) };
}
