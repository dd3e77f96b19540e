import type { JobFilter } from '../ops/job-filter';
import { actOnEach, type JobAct, kindsOf, mayTouch, outcomesOf } from '../ops/many';
import { OperatorError } from '../ops/operator';
import { listJobs } from '../ops/search';
import { counted } from '../text';
import type { CommandContext } from './command';
import { tableText } from './text';

const DONE: Record<JobAct, string> = { retry: 'retried', cancel: 'cancelled', discard: 'discarded' };

/**
 * Does the same to all jobs that the filter finds and that ended before the command began. It first shows them, and asks.
 * Nothing is stored about it: after Ctrl-C or a crash, the same command goes on, because jobs that are done no longer fit.
 */
export async function actOnMany(
  { options, out, connect, audited, sls }: CommandContext,
  action: JobAct,
  filter: JobFilter,
): Promise<void> {
  const deps = await connect();
  const began = deps.clock.now();
  const signal = out.interrupted();
  const found = await listJobs(deps, filter, { signal, keep: (row) => mayTouch(action, row, began) });
  if (signal.aborted) throw new OperatorError('You stopped the search. Nothing was changed.');
  const rows = found.rows.toSorted((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1));
  if (rows.length === 0) {
    out.note(`${counted(found.looked, 'job')} looked at. ${found.where}`);
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
  for (const { id, why, next } of refused) out.note(`${id}: ${why}${next === undefined ? '' : ` ${sls(next)}`}`);
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
