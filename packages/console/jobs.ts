import * as z from 'zod';
import { jobKey, type TodoKind, todoKeys } from '../../lib/engine/jobs/keys';
import type { JobRow } from '../../lib/engine/jobs/row';
import { sentEnvelope, whyNot } from '../../lib/operate/ops/act';
import { shapeOf } from '../../lib/operate/ops/analytics';
import { inOrder } from '../../lib/operate/ops/many';
import { type Deployment, jobView, nextAt, OperatorError, queuesOf, stateOf } from '../../lib/operate/ops/operator';
import { type Outage, outageOf } from '../../lib/operate/ops/pause';
import { findJob, type JobFilter, listJobs } from '../../lib/operate/ops/search';
import { mapEach } from '../../lib/platform/concurrency';
import { groupBy } from '../../lib/platform/group-by';
import { counted } from '../../lib/platform/text';
import { audited, type ConsoleDeps } from './deps';
import { explain, timeline } from './explain';

const SEARCHED = ['part', 'user', 'email', 'mention'] as const;
type SearchBy = (typeof SEARCHED)[number];

const minute = z.iso.datetime({ precision: -1 });
// JavaScript alone takes a day that does not exist for another one.
const hour = z.string().refine((text) => minute.safeParse(`${text}:00Z`).success);

/** What to search for. All conditions must hold. `from` and `to`: when the jobs were accepted, like 2026-01-31T23. */
export const querySchema = z.object({
  q: z.string().optional(),
  /** What `q` is. Without it, whatever it may be. */
  by: z.enum(SEARCHED).optional(),
  queue: z.string().optional(),
  group: z.string().optional(),
  state: z.string().optional(),
  reason: z.string().optional(),
  code: z.string().optional(),
  without: z.string().optional(),
  vendor: z.string().optional(),
  from: hour.optional(),
  to: hour.optional(),
  after: z.string().optional(),
});
type Query = z.infer<typeof querySchema>;

/** `by`: what the search took its text for. `note`: what it has read. `next`: the `after` of the next page. */
export interface FoundJobs {
  jobs: Awaited<ReturnType<typeof linesOf>>;
  by?: SearchBy | undefined;
  note: string;
  next?: string | undefined;
}

const PAGE = 50;
/** What one page reads at most before it shows what it has found: rows, or keys for a part of an id. */
const MOST_ROWS = 2_000;
const MOST_KEYS = 50_000;

/** A page of jobs. It ends when it is full, has read enough or the reader goes away. */
export async function foundJobs(deps: ConsoleDeps, query: Query, signal: AbortSignal): Promise<FoundJobs> {
  if (query.q !== undefined && query.by === undefined) return lookUp(deps, query, signal);
  const filter = filterOf(query);
  const all = [filter.state, filter.reason, filter.code, filter.vendor].every((given) => given === undefined);
  const { rows, read, where, next } = await listJobs(deps.deployment, filter, {
    limit: PAGE,
    most: filter.part === undefined ? MOST_ROWS : MOST_KEYS,
    all,
    after: query.after,
    signal,
  });
  return {
    jobs: await linesOf(deps.deployment, rows),
    by: query.by,
    note: `${counted(read, 'row')} read. ${where}`,
    next,
  };
}

export function filterOf({ by, q, after: _after, from, to, ...rest }: Query): JobFilter {
  const ms = (hour: string | undefined) => (hour === undefined ? undefined : Date.parse(`${hour}:00Z`));
  return { ...rest, from: ms(from), to: ms(to), ...(by && { [by]: q }) };
}

/** The jobs that an id names, whatever their state. Else those that `q` finds as anything else. */
async function lookUp(deps: ConsoleDeps, query: Query, signal: AbortSignal): Promise<FoundJobs> {
  const { deployment } = deps;
  const { q = '', queue } = query;
  const own = await Promise.all(queuesOf(deployment, queue).map((name) => deployment.ledger.known(jobKey(name, q))));
  const rows = own.filter((row) => row !== undefined);
  let found: FoundJobs = { jobs: await linesOf(deployment, rows), note: rows.length > 0 ? '' : NO_ID };
  if (rows.length > 0) return found;
  for (const by of meaningsOf(q)) {
    const next = await foundJobs(deps, { ...query, by }, signal).catch((error: unknown) => {
      // Who may not read the hash key finds no person, but the rest.
      if (error instanceof OperatorError && by === 'user') return found;
      throw error;
    });
    if (next.jobs.length > 0) return next;
    found = { ...next, note: by === 'email' ? next.note : `${next.note} ${NO_ID}` };
  }
  return found;
}

/** What a text may be besides an id or a key, the cheapest search first. */
const meaningsOf = (q: string): SearchBy[] =>
  q.includes('@') ? ['email'] : ['user', ...(/^[\da-f-]{4,36}$/.test(q) ? (['part'] as const) : []), 'mention'];

const NO_ID = 'No job has this id.';

/** Jobs as lists show them. Each vendor's circuit is read once. */
async function linesOf(deployment: Deployment, rows: readonly JobRow[]) {
  const now = deployment.clock.now();
  const outages = new Map<string, Promise<Outage | undefined>>();
  return Promise.all(
    rows.map(async (row) => {
      const { reason = '', vendor = '' } = row;
      const name = `${reason} ${vendor}`;
      const outage = outages.get(name) ?? outageOf(deployment, row);
      outages.set(name, outage);
      return lineOf(row, now, await outage);
    }),
  );
}

/** A job in a list. `who`: the start of the keyed hash of its person. `can`: what can be done to many at once. */
const lineOf = (row: JobRow, now: number, outage?: Outage) => ({
  queue: row.queue,
  id: row.id,
  type: row.type,
  state: stateOf(row),
  why: hasReason(row) ? explain(row, now, outage).sentence : undefined,
  attempts: row.attempts,
  who: row.person?.slice(0, HASH_SHOWN),
  correlation: row.correlationId,
  leftOut: row.warnings?.join(', '),
  accepted: row.time,
  next: nextAt(row),
  /** From its acceptance, or its planned time, to its end, in ms. */
  took: row.endedAt === undefined ? undefined : row.endedAt - Math.max(row.time, row.notBefore ?? 0),
  can: (['resend', 'retry', 'cancel', 'discard'] as const).filter((act) => whyNot[act](row, now) === undefined),
});

const HASH_SHOWN = 8;
/** What is queued, runs or is done needs no sentence in a list. */
const hasReason = ({ reason, without }: JobRow): boolean => reason !== undefined || without !== undefined;

export type JobCounts = Awaited<ReturnType<typeof jobCounts>>;

const MOST_COUNTED = 1_000;

/** How many jobs wait or are dead, at most `MOST_COUNTED` of each, which is a lower bound. Ended ones have no index. */
export async function jobCounts({ deployment }: ConsoleDeps, queue: string | undefined) {
  const { table } = deployment;
  const keysOf = (kinds: readonly TodoKind[]) =>
    queuesOf(deployment, queue).flatMap((name) =>
      kinds.flatMap((kind) => todoKeys(name, kind, deployment.works[name]?.vendors)),
    );
  const count = async (...kinds: TodoKind[]) => {
    const counts = await mapEach(keysOf(kinds), COUNTS_AT_ONCE, (key) =>
      table.count(key, { since: 0, most: MOST_COUNTED }),
    );
    const all = counts.reduce((total, of) => total + of, 0);
    return { count: Math.min(all, MOST_COUNTED), more: all >= MOST_COUNTED };
  };
  const [open, held, dead] = await Promise.all([
    count('active'),
    count('held', 'planned', 'paused', 'unknown'),
    count('dead', 'expired'),
  ]);
  return { open, held, dead };
}

const COUNTS_AT_ONCE = 16;

export type DeadLetters = Awaited<ReturnType<typeof deadLetters>>;

const MOST_DEAD = 1_000;
const HOURS = 24;
const HOUR_MS = 3_600_000;

/**
 * Dead jobs, the largest group first, with some of its `messages`, and how many died in each of the last 24 hours.
 * `more`: not all were read, so counts are lower bounds.
 */
export async function deadLetters({ deployment }: ConsoleDeps, queue: string | undefined) {
  const { rows, next } = await listJobs(
    deployment,
    { queue, state: 'dead' },
    { limit: MOST_DEAD, most: 5 * MOST_DEAD },
  );
  const kinds = groupBy(rows, ({ queue, reason = '', error }) =>
    JSON.stringify({ queue, reason, code: error?.code ?? '' }),
  );
  const now = deployment.clock.now();
  const hours = Array.from({ length: HOURS }, (_, n) => now - (HOURS - n) * HOUR_MS);
  const within = (of: readonly JobRow[], at: number) =>
    of.filter(({ endedAt = 0 }) => endedAt > at && endedAt <= at + HOUR_MS).length;
  const groups = [...kinds].map(([kind, of]) => ({
    ...(JSON.parse(kind) as { queue: string; reason: string; code: string }),
    messages: [...new Set(of.flatMap(({ error }) => error?.message ?? []))].slice(0, 3),
    count: of.length,
    trend: hours.map((at) => ({ at, value: within(of, at) })),
    oldest: Math.min(...of.map(({ endedAt = 0 }) => endedAt)),
  }));
  return {
    groups: groups.sort((a, b) => b.count - a.count),
    from: now - HOURS * HOUR_MS,
    to: now,
    more: next !== undefined,
  };
}

export type JobPage = Awaited<ReturnType<typeof jobPageOf>>;

/** Jobs of its message group that a job's page shows. */
const SIBLINGS = 6;

/** All about a job that an operator may see without a reason. `job` is as in its record. */
export async function jobPageOf(
  { deployment }: ConsoleDeps,
  { queue, id }: { queue?: string | undefined; id: string },
) {
  const row = await findJob(deployment, id, queue);
  const now = deployment.clock.now();
  const outage = await outageOf(deployment, row);
  const { group } = row;
  const of = group === undefined || group === id ? undefined : { queue: row.queue, group };
  const { rows = [], next } = of ? await listJobs(deployment, of, { limit: SIBLINGS }) : {};
  return {
    state: stateOf(row),
    explained: explain(row, now, outage),
    timeline: timeline(row),
    line: lineOf(row, now, outage),
    group,
    siblings: { jobs: await linesOf(deployment, inOrder(rows)), more: next !== undefined },
    job: jobView(row, deployment.prefix) as Pick<JobRow, 'queue' | 'id' | 'steps' | 'error' | 'parent' | 'replacedBy'>,
  };
}

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
