import { hasEntry } from '../jobs/park';
import type { JobRow } from '../jobs/row';
import {
  type Bulk,
  type BulkAction,
  createBulk,
  jobsToTouch,
  lastBulks,
  type Selection,
  selectionOf,
} from '../ops/bulk';
import type { Deployment } from '../ops/deployment';
import type { JobFilter } from '../ops/job-filter';
import { OperatorError } from '../ops/operator';
import { runBulk } from '../ops/run-bulk';
import { searchJobs } from '../ops/search';
import { type Target, withCommand, words } from '../target';
import { auditAction } from './audit';
import { type ConsoleDeps, commandFor } from './deps';
import type { BulkAsk, BulkPreview, BulkView } from './views';
import { confirmed, needsOf, type Word } from './word';

const MOST_LISTED = 20;
const MOST_PREVIEWS = 10;

/** What the `sls` command of each bulk action is. Those of the DLQ take jobs with an entry only. */
const COMMANDS: Record<BulkAction, string> = { retry: 'dlq redrive', cancel: 'jobs cancel', discard: 'dlq discard' };

/** The last previews by their id, with the jobs that an operator has seen there. */
export type Previews = Map<string, { ask: BulkAsk; selection: Selection }>;

/** The jobs that a bulk action would touch, and the command that does the same if there are any. It changes nothing. */
export async function previewBulk(deps: ConsoleDeps, previews: Previews, ask: BulkAsk): Promise<BulkPreview> {
  const selection = selectionOf(await chosen(deps, ask));
  const total = selection.jobs.length;
  const id = deps.deployment.random.uuid();
  previews.set(id, { ask, selection });
  for (const old of [...previews.keys()].slice(0, -MOST_PREVIEWS)) previews.delete(old);
  return {
    ...{ id, total, lines: selection.preview, ...needsOf(deps, { many: true }) },
    ...(total === 0 ? {} : { command: commandFor(deps, commandOf(ask)) }),
  };
}

/**
 * Stores a bulk action for the jobs of a preview and begins it. Jobs that have changed since are refused one by one, and
 * jobs that came later are not touched. Returns its id once it runs; the work goes on.
 */
export async function startBulk(
  deps: ConsoleDeps,
  previews: Previews,
  { preview, ...word }: { preview: string } & Word,
): Promise<string> {
  confirmed(deps, needsOf(deps, { many: true }), word);
  const seen = previews.get(preview);
  if (!seen) throw new OperatorError('The console does not know this preview any more. Look at the jobs again.');
  const { ask, selection } = seen;
  if (selection.jobs.length === 0) throw new OperatorError('There are no such jobs.');
  const { reason } = word;
  const id = await auditAction(deps, { action: `bulk.${ask.action}`, arguments: { command: commandOf(ask) }, reason });
  previews.delete(preview);
  const bulk = await createBulk({ ...deps.deployment, audit: id }, { ...ask, selection });
  await beginBulk({ ...deps.deployment, audit: id }, bulk.id, deps.ending);
  return bulk.id;
}

/**
 * Begins a stored bulk action, or goes on with it. No job is touched twice. Resolves once it runs, and the page asks how
 * far it is. Rejects if it cannot run now.
 */
export function beginBulk(deps: Deployment & { audit: string }, id: string, ending?: AbortSignal): Promise<void> {
  return new Promise((begun, refused) => {
    let running = false;
    const onBegun = () => {
      running = true;
      begun();
    };
    // A failure on the way leaves it as it stands, and an operator can continue it.
    runBulk(deps, id, { onBegun, ...(ending ? { signal: ending } : {}) }).catch((error: unknown) => {
      refused(error);
      if (running)
        deps.log.error('the bulk action has stopped', { code: error instanceof Error ? error.name : 'Error' });
    });
  });
}

/** The last bulk actions, the newest first. */
export const listBulks = async ({ deployment, target }: ConsoleDeps): Promise<BulkView[]> =>
  (await lastBulks(deployment, MOST_LISTED)).map((bulk) => viewOf(bulk, target));

async function chosen({ deployment }: ConsoleDeps, ask: BulkAsk): Promise<JobRow[]> {
  const { action } = ask;
  const only = (row: JobRow) => action === 'cancel' || hasEntry(deployment, row, deployment.clock.now());
  return (await jobsToTouch(deployment, await searchJobs(deployment, filterOf(ask)), { action, only })).rows;
}

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
