import type { JobRow } from '../jobs/row';
import {
  type Bulk,
  type BulkAction,
  createBulk,
  jobsToTouch,
  MOST_PER_SECOND,
  type Selection,
  selectionOf,
} from '../ops/bulk';
import type { OperatorDeps } from '../ops/operator';
import { OperatorError } from '../ops/operator';
import { runBulk } from '../ops/run-bulk';
import { searchJobs } from '../ops/search';
import { withCommand } from '../target';
import { counted } from '../text';
import type { CommandContext } from './command';
import { isDryRun } from './dry-run';
import { filterOf, isFiltered, refuseUnmet } from './jobs-list';
import { count, text } from './options';
import { tableText } from './text';

const DEFAULT_PER_SECOND = 20;

/** What a bulk action did, in the past. */
const DONE: Record<BulkAction, string> = { retry: 'retried', cancel: 'cancelled', discard: 'discarded' };

/** Whether the options name jobs by a filter. Throws an OperatorError if they name none, or one job and a filter. */
export function isBulk(options: CommandContext['options']): boolean {
  const one = text(options, 'id') !== undefined;
  const many = isFiltered(options);
  if (one && many) throw new OperatorError('Give an ID or a filter, not both.');
  if (!one && !many) throw new OperatorError('Give an ID, or a filter such as --code. --help lists them.');
  return many;
}

/**
 * Does something to all jobs that the filter finds. It first shows what it will touch, and asks. The work is stored,
 * so `sls bulk continue` goes on after a stop or a crash. `only` narrows the filter further.
 */
export async function actOnMany(
  context: CommandContext,
  action: BulkAction,
  only: (row: JobRow) => boolean = () => true,
): Promise<void> {
  const { options, out, operator, audited } = context;
  const perSecond = count(options, 'rate', DEFAULT_PER_SECOND);
  if (perSecond > MOST_PER_SECOND) throw new OperatorError(`--rate must be at most ${MOST_PER_SECOND}.`);
  const deps = await operator();
  const rows = await chosen(context, deps, action, only);
  if (rows.length === 0) return out.line('No jobs.');
  const selection = selectionOf(rows);
  for (const line of previewLines(selection)) out.line(line);
  if (isDryRun(options)) return out.line(`${counted(rows.length, 'job')} would be ${DONE[action]}.`);
  const bulk = await createBulk({ ...deps, audit: await audited() }, { action, selection, perSecond });
  const answer = options.yes === true ? 'yes' : await out.ask(`${question(bulk)} Type yes to begin: `);
  if (answer?.trim() !== 'yes') {
    out.line(`Nothing was changed. The bulk action ${bulk.id} is kept.`);
    out.note(`To begin: ${context.sls(`bulk continue ${bulk.id} --yes`)}`);
    return;
  }
  await go(context, bulk);
}

const question = ({ action, total, perSecond }: Bulk): string =>
  `${counted(total, 'job')} will be ${DONE[action]}, ${perSecond} a second, in about ${counted(Math.ceil(total / perSecond), 'second')}.`;

async function chosen(
  { options, out }: CommandContext,
  deps: OperatorDeps,
  action: BulkAction,
  only: (row: JobRow) => boolean,
): Promise<JobRow[]> {
  const search = await searchJobs(deps, filterOf(options, deps));
  const signal = out.interrupted();
  // A cancelled job stays so unless the filter names that state.
  const asked = (row: JobRow) => only(row) && (row.state !== 'cancelled' || options.state === 'cancelled');
  const { rows, looked } = await jobsToTouch(deps, search, { action, only: asked, signal });
  if (signal.aborted) throw new OperatorError('You stopped the search. Nothing was changed.');
  if (rows.length === 0) refuseUnmet(search, looked);
  return rows;
}

function previewLines({ preview }: Selection): string[] {
  const cells = preview.map(({ queue, state, code, count: jobs }) => [queue, state, code ?? '', String(jobs)]);
  return tableText(['QUEUE', 'STATE', 'ERROR', 'JOBS'], cells);
}

/** Runs a bulk action with a progress bar. Ctrl-C stops it after the jobs of the present second. */
export async function go(
  { out, operator, audited, sls, target }: CommandContext,
  { id, total, next }: Bulk,
): Promise<void> {
  const bar = out.progress(total);
  bar.set(next);
  const deps = { ...(await operator()), audit: await audited() };
  const bulk = await runBulk(deps, id, {
    signal: out.interrupted(),
    onProgress: (now) => bar.set(now.next),
  }).finally(() => bar.stop());
  for (const { id: job, why, next } of bulk.refusals) out.note(`${job}: ${withCommand(why, next, target)}`);
  for (const job of bulk.unsure)
    out.note(`${job}: may have been retried before a crash. Look at it: ${sls(`jobs show ${job}`)}`);
  out.line(resultText(bulk));
  if (bulk.status === 'stopped') out.note(`To go on: ${sls(`bulk continue ${id} --yes`)}`);
  if (bulk.refused + bulk.unsure.length > 0) out.exitCode(1);
}

/** `198 of 200 jobs retried, 2 refused.` */
export function resultText({ action, total, done, refused, unsure, status }: Bulk): string {
  const parts = [
    `${done} of ${counted(total, 'job')} ${DONE[action]}`,
    ...(refused > 0 ? [`${refused} refused`] : []),
    ...(unsure.length > 0 ? [`${unsure.length} unsure`] : []),
    ...(status === 'done' ? [] : [status]),
  ];
  return `${parts.join(', ')}.`;
}
