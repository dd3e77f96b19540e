import { createHash } from 'node:crypto';
import { hasEntry } from '../jobs/park';
import type { JobRow } from '../jobs/row';
import {
  type Bulk,
  type BulkAction,
  bulkOf,
  createBulk,
  jobsToTouch,
  lastBulks,
  previewOf,
  stopBulk,
} from '../ops/bulk';
import type { JobFilter } from '../ops/job-filter';
import { OperatorError } from '../ops/operator';
import { runBulk } from '../ops/run-bulk';
import { searchJobs } from '../ops/search';
import { isProduction, type Target, withCommand, words } from '../target';
import { audit } from './audit';
import { type ConsoleDeps, commandFor } from './deps';
import type { BulkAsk, BulkPreview, BulkView } from './views';

const MOST_LISTED = 20;

/** What the `sls` command of each bulk action is. Those of the DLQ take jobs with an entry only. */
const COMMANDS: Record<BulkAction, string> = { retry: 'dlq redrive', cancel: 'jobs cancel', discard: 'dlq discard' };

/** The jobs that a bulk action would touch, and the command that does the same if there are any. It changes nothing. */
export async function previewBulk(deps: ConsoleDeps, ask: BulkAsk): Promise<BulkPreview> {
  const rows = await chosen(deps, ask);
  return {
    lines: previewOf(rows),
    total: rows.length,
    jobs: digestOf(rows),
    ...(rows.length === 0 ? {} : { command: commandFor(deps, commandOf(ask)) }),
  };
}

/**
 * Stores a bulk action for these jobs and begins it. It refuses to begin if the jobs are others than in the preview. In
 * production the operator types the instance's name. Returns its id at once; the work goes on.
 */
export async function startBulk(
  deps: ConsoleDeps,
  { ask, jobs, reason, instance }: { ask: BulkAsk; jobs: string; reason: string; instance: string },
): Promise<string> {
  confirmed(deps, { reason, instance });
  const rows = await chosen(deps, ask);
  if (digestOf(rows) !== jobs)
    throw new OperatorError(`The jobs have changed: there are ${rows.length} now. Look at them again.`);
  if (rows.length === 0) throw new OperatorError('There are no such jobs.');
  const id = await audit(deps, { action: `bulk.${ask.action}`, arguments: { command: commandOf(ask) }, reason });
  const bulk = await createBulk(
    { ...deps.deployment, audit: id },
    { action: ask.action, rows, perSecond: ask.perSecond },
  );
  run(deps, bulk.id, id);
  return bulk.id;
}

/** Goes on with a bulk action that was stopped, or whose process died. No job is touched twice. */
export async function continueBulk(
  deps: ConsoleDeps,
  { id, reason, instance }: { id: string; reason: string; instance: string },
): Promise<string> {
  confirmed(deps, { reason, instance });
  await bulkOf(deps.deployment, id);
  run(deps, id, await audit(deps, { action: 'bulk.continue', arguments: { command: `bulk continue ${id}` }, reason }));
  return id;
}

/** Stops a bulk action, also one that another process runs. It stays stopped until an operator continues it. */
export async function stop(deps: ConsoleDeps, id: string): Promise<void> {
  if (!deps.write) throw new OperatorError(READ_ONLY);
  await bulkOf(deps.deployment, id);
  await audit(deps, { action: 'bulk.stop', arguments: { command: `bulk stop ${id}` } });
  await stopBulk(deps.deployment, id);
}

/** The last bulk actions, the newest first. */
export const listBulks = async ({ deployment, target }: ConsoleDeps): Promise<BulkView[]> =>
  (await lastBulks(deployment, MOST_LISTED)).map((bulk) => viewOf(bulk, target));

const READ_ONLY = 'This console only reads. Start it with --write to allow actions.';

function confirmed({ write, target }: ConsoleDeps, { reason, instance }: { reason: string; instance: string }): void {
  if (!write) throw new OperatorError(READ_ONLY);
  if (!isProduction(target)) return;
  if (reason.trim() === '') throw new OperatorError('Say why. The audit of production needs it.');
  if (instance !== target.instance)
    throw new OperatorError(`Type ${target.instance} to change many jobs of production. Nothing was changed.`);
}

/** The page asks how far it is. A failure leaves it as it stands, and an operator can continue it. */
function run({ deployment, ending }: ConsoleDeps, id: string, auditId: string): void {
  runBulk({ ...deployment, audit: auditId }, id, ending ? { signal: ending } : {}).catch((error: unknown) =>
    deployment.log.error('the bulk action has stopped', { code: error instanceof Error ? error.name : 'Error' }),
  );
}

const chosen = async ({ deployment }: ConsoleDeps, ask: BulkAsk): Promise<JobRow[]> =>
  (
    await jobsToTouch(deployment, await searchJobs(deployment, filterOf(ask)), {
      action: ask.action,
      only: (row) => ask.action === 'cancel' || hasEntry(deployment, row, deployment.clock.now()),
    })
  ).rows;

/** Names these jobs and no others, in any order. */
const digestOf = (rows: readonly JobRow[]): string =>
  createHash('sha256')
    .update(
      rows
        .map(({ key }) => key)
        .sort()
        .join('\n'),
    )
    .digest('hex');

const filterOf = ({ action, queue, state, code, reason }: BulkAsk): JobFilter => ({
  queue,
  state: action === 'cancel' ? state : 'dead',
  code,
  reason: reason as JobFilter['reason'],
});

function commandOf({ action, queue, state, code, reason, perSecond }: BulkAsk): string {
  const filters = [
    words`--queue ${queue}`,
    ...(action === 'cancel' && state ? [`--state ${state}`] : []),
    ...(reason ? [words`--job-reason ${reason}`] : []),
    ...(code ? [words`--code ${code}`] : []),
  ];
  return `${COMMANDS[action]} ${filters.join(' ')} --rate ${perSecond}`;
}

const viewOf = (
  { id, action, at, perSecond, total, status, next, done, refused, refusals, unsure }: Bulk,
  target: Target,
): BulkView => ({
  ...{ id, action, at, perSecond, total, status, next, done, refused, unsure },
  refusals: refusals.slice(0, MOST_LISTED).map((refusal) => withCommand(refusal.why, refusal.next, target)),
});
