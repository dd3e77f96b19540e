import type { JobAct } from '../ops/job-acts';
import { actOnEach, jobsToTouch, kindsOf, outcomesOf } from '../ops/many';
import { OperatorError } from '../ops/operator';
import { searchJobs } from '../ops/search';
import { withCommand } from '../target';
import { counted } from '../text';
import type { CommandContext } from './command';
import { filterOf, isFiltered } from './jobs-list';
import { text } from './options';
import { tableText } from './text';

const DONE: Record<JobAct, string> = { retry: 'retried', cancel: 'cancelled', discard: 'discarded' };

/** Whether the options name jobs by a filter. Throws an OperatorError if they name none, or one job and a filter. */
export function isMany(options: CommandContext['options']): boolean {
  const one = text(options, 'id') !== undefined;
  const many = isFiltered(options);
  if (one && many) throw new OperatorError('Give an ID or a filter, not both.');
  if (!one && !many) throw new OperatorError('Give an ID, or a filter such as --code. --help lists them.');
  return many;
}

/**
 * Does the same to all jobs that the filter finds and that ended before the command began. It first shows them, and asks.
 * Nothing is stored about it: after Ctrl-C or a crash, the same command goes on, because jobs that are done no longer fit.
 */
export async function actOnMany(
  { options, out, operator, audited, target }: CommandContext,
  action: JobAct,
): Promise<void> {
  const deps = await operator();
  const began = deps.clock.now();
  const signal = out.interrupted();
  // Without a state, retry and discard mean dead jobs: a cancelled one stays so unless the filter names that state.
  const state = options.state ?? (action === 'cancel' ? undefined : 'dead');
  const search = await searchJobs(deps, filterOf({ ...options, state }, deps));
  const { rows, looked } = await jobsToTouch(search, { action, began, signal });
  if (signal.aborted) throw new OperatorError('You stopped the search. Nothing was changed.');
  if (rows.length === 0) {
    out.note(`${counted(looked, 'job')} looked at. ${search.where}`);
    return out.line('No jobs.');
  }
  out.lines(kindLines(rows));
  const question = `${counted(rows.length, 'job')} will be ${DONE[action]}. Type yes to begin: `;
  const answer = options.yes === true ? 'yes' : await out.ask(question);
  if (answer === undefined) throw new OperatorError('There is no terminal to ask on. Nothing was changed. Add --yes.');
  if (answer.trim() !== 'yes') return out.line('Nothing was changed.');

  const acting = { ...deps, audit: await audited() };
  const onProgress = (acted: number) => out.progress(acted, rows.length);
  const { done, refused, stopped } = await actOnEach(acting, rows, { action, began, signal, onProgress });
  for (const { id, why, next } of refused) out.note(`${id}: ${withCommand(why, next, target)}`);
  const parts = [
    `${done.length} of ${counted(rows.length, 'job')} ${DONE[action]}`,
    ...(refused.length > 0 ? [`${refused.length} refused`] : []),
    ...(stopped ? ['stopped: run the command again to go on'] : []),
  ];
  out.line(`${parts.join(', ')}.`);
  if (action === 'retry' && done.length > 0 && !stopped) {
    out.note('Waiting up to a minute for their outcomes. Ctrl-C ends the wait.');
    out.lines(kindLines(await outcomesOf(deps, done, signal)));
  }
  if (refused.length > 0) out.exitCode(1);
}

function kindLines(rows: Parameters<typeof kindsOf>[0]): string[] {
  const cells = kindsOf(rows).map(({ queue, state, code, count }) => [queue, state, code, String(count)]);
  return tableText(['QUEUE', 'STATE', 'ERROR', 'JOBS'], cells);
}
