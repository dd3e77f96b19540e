import { eachOf } from '../concurrency';
import { StoreError } from '../errors';
import { groupBy } from '../group-by';
import { EVENT } from '../jobs/history';
import { bulkKey, bulkLeaseKey } from '../jobs/keys';
import { updateItem } from '../jobs/ledger';
import type { JobRow } from '../jobs/row';
import { endLease, type RunLease, takeLease } from '../jobs/run-lease';
import { type Bulk, type BulkAction, bulkJobs, bulkOf, type Chosen, hasChanged, whyNotInBulk } from './bulk';
import { cancel } from './cancel';
import { discard } from './discard';
import { type ActingDeps, decide, OperatorError, stateOf } from './operator';
import { retry } from './retry';

const GROUPS_AT_ONCE = 8;
const SECOND_MS = 1_000;
/** A run that died lets another one begin after this time. */
const LEASE_MS = 30_000;
/** SQS drops a repeated deduplication id for five minutes. A repeat within this time sends no second message. */
const REPEAT_MS = 240_000;
/** More reasons would not fit into the item of the bulk action. */
const MOST_KEPT = 100;

export interface RunOptions {
  /** Stops the bulk action after the jobs of the present second. */
  signal?: AbortSignal;
  /** Called once it is certain to run: nothing else runs, and its jobs are known. */
  onBegun?: () => void;
  onProgress?: (bulk: Bulk) => void;
}

/**
 * Runs a bulk action from where it stopped until it is done or stopped again. Only one runs per instance at a time, so
 * `--rate` limits the whole instance. Each job's row names the bulk action before the job is changed, so a run after a crash at any point
 * changes no job twice. Rejects with an OperatorError while another one runs.
 */
export async function runBulk(
  deps: ActingDeps,
  id: string,
  { signal, onBegun, onProgress }: RunOptions = {},
): Promise<Bulk> {
  const lease = await takeLease<RunLease>(deps, bulkLeaseKey, deps.clock.now() + LEASE_MS);
  if (!lease)
    throw new OperatorError(
      `Another bulk action is running, or one has just died. The bulk action ${id} is kept. Continue it in half a minute:`,
      continues(id),
    );
  try {
    await begin(deps, id);
    const jobs = await bulkJobs(deps, id);
    onBegun?.();
    for (;;) {
      const began = deps.clock.now();
      const bulk = await bulkOf(deps, id);
      if (bulk.status !== 'running') return bulk;
      if (signal?.aborted) return await change(deps, id, (now) => ({ ...now, status: 'stopped' }));
      const chunk = jobs.slice(bulk.next, bulk.next + bulk.perSecond);
      if (chunk.length === 0) return await change(deps, id, (now) => ({ ...now, status: 'done' }));
      const outcomes = await touch(deps, bulk, chunk);
      const next = await change(deps, id, (now) => counted(now, bulk, chunk.length, outcomes));
      onProgress?.(next);
      if (!(await renewed(deps, lease)))
        throw new OperatorError(
          `Another process runs a bulk action now. The bulk action ${id} has stopped. Continue it later:`,
          continues(id),
        );
      if (next.next < jobs.length) await deps.clock.sleep(Math.max(0, SECOND_MS - (deps.clock.now() - began)));
    }
  } finally {
    await endLease(deps, lease);
  }
}

const continues = (id: string): string => `bulk continue ${id} --yes`;

const begin = (deps: ActingDeps, id: string): Promise<Bulk> =>
  change(deps, id, (bulk) => (bulk.status === 'done' ? undefined : { ...bulk, status: 'running' }));

async function change(deps: ActingDeps, id: string, next: (bulk: Bulk) => Bulk | undefined): Promise<Bulk> {
  const { item } = await updateItem<Bulk>(deps, bulkKey(id), (bulk) => bulk && next(bulk));
  return item ?? bulkOf(deps, id);
}

async function renewed(deps: ActingDeps, { key, holder }: RunLease): Promise<boolean> {
  const { changed } = await updateItem<RunLease>(deps, key, (stored) =>
    stored?.holder === holder ? { ...stored, until: deps.clock.now() + LEASE_MS } : undefined,
  );
  return changed;
}

type Outcome = { id: string } & Touched;

/** Touches the jobs of a second: the groups side by side, and each group in order. */
async function touch(deps: ActingDeps, bulk: Bulk, jobs: readonly Chosen[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const read = await Promise.all(jobs.map(async (job) => ({ job, row: await deps.ledger.known(job.key) })));
  const found = read.flatMap(({ job, row }) => {
    if (row) return [{ job, row }];
    outcomes.push({ id: job.key, kind: 'refused', why: 'its row is gone, or newer code wrote it' });
    return [];
  });
  await eachOf([...groupBy(found, ({ row }) => row.group ?? row.id).values()], GROUPS_AT_ONCE, async (group) => {
    for (const { job, row } of group) outcomes.push({ id: row.id, ...(await one(deps, bulk, job, row)) });
  });
  return outcomes;
}

type Touched = { kind: 'done' } | { kind: 'unsure' } | { kind: 'refused'; why: string; next?: string | undefined };

async function one(deps: ActingDeps, bulk: Bulk, job: Chosen, row: JobRow): Promise<Touched> {
  try {
    if (row.bulk?.id === bulk.id) return await again(deps, bulk, row, row.bulk);
    refuse(deps, bulk, row);
    if (hasChanged(bulk.action, job, row))
      throw new OperatorError(`${row.id} has changed since the preview. It is ${stateOf(row)} now.`);
    const mark = { id: bulk.id, generation: row.generation, at: deps.clock.now() };
    await ACTIONS[bulk.action](deps, { ...row, bulk: mark });
    return { kind: 'done' };
  } catch (error) {
    if (error instanceof OperatorError) return { kind: 'refused', why: error.message, next: error.next };
    if (error instanceof StoreError) return { kind: 'refused', why: error.message };
    throw error;
  }
}

/** Throws an OperatorError for a job that the action cannot change now. */
function refuse({ clock }: ActingDeps, { action }: Bulk, row: JobRow): void {
  const refused = whyNotInBulk(action, row, clock.now());
  if (refused) throw refused;
}

/** What a bulk action does to a job. The row comes with its mark, which the first write stores. */
const ACTIONS: Record<BulkAction, (deps: ActingDeps, row: JobRow) => Promise<unknown>> = {
  cancel,
  discard,
  retry: async (deps, row) => {
    // A retry of a dead job sends first, so the mark needs a write of its own. That of a cancelled job writes first.
    const marked = row.state === 'dead' ? await decide(deps, row, row) : row;
    await retry(deps, marked);
  },
};

/**
 * A run of this bulk action has marked the job, and may have died before it counted it. A cancel and a discard are one
 * write with the mark. A retry may have died before it sent its message. Within five minutes, sending again is safe
 * because SQS drops the duplicate. Later nothing shows whether there is a message, so the retry is not repeated.
 */
async function again(
  deps: ActingDeps,
  bulk: Bulk,
  row: JobRow,
  { generation, at }: NonNullable<JobRow['bulk']>,
): Promise<Touched> {
  if (bulk.action !== 'retry') return { kind: 'done' };
  const sent = row.history.some((entry) => entry.event === EVENT.redriven && entry.at >= at);
  if (sent || row.generation > generation)
    return row.sentAt === undefined && !sent ? { kind: 'unsure' } : { kind: 'done' };
  if (row.state !== 'dead') return { kind: 'done' };
  if (deps.clock.now() - at > REPEAT_MS) return { kind: 'unsure' };
  refuse(deps, bulk, row);
  await retry(deps, row);
  return { kind: 'done' };
}

function counted(now: Bulk, before: Bulk, looked: number, outcomes: readonly Outcome[]): Bulk | undefined {
  // Another run has gone on meanwhile.
  if (now.next !== before.next) return undefined;
  const refusals = outcomes.flatMap((outcome) =>
    outcome.kind === 'refused'
      ? [{ id: outcome.id, why: outcome.why, ...(outcome.next === undefined ? {} : { next: outcome.next }) }]
      : [],
  );
  const unsure = outcomes.flatMap(({ id, kind }) => (kind === 'unsure' ? [id] : []));
  return {
    ...now,
    next: now.next + looked,
    done: now.done + outcomes.filter(({ kind }) => kind === 'done').length,
    refused: now.refused + refusals.length,
    refusals: [...now.refusals, ...refusals].slice(0, MOST_KEPT),
    unsure: [...now.unsure, ...unsure].slice(0, MOST_KEPT),
  };
}
