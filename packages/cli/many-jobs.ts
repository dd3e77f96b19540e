import type { JobRow } from '../../lib/jobs/row';
import { type Act, actOnEach, DONE, findMany, kindsOf, type ManyAction, outcomesOf } from '../../lib/ops/many';
import { OperatorError } from '../../lib/ops/operator';
import type { JobFilter } from '../../lib/ops/search';
import { counted } from '../../lib/text';
import type { CommandContext } from './command';
import { tableText } from './terminal';

/** Acts on all jobs found that ended before the command began. After Ctrl-C or a crash, the same command goes on. */
export async function actOnMany(
  context: CommandContext,
  { action, act, filter }: { action: ManyAction; act?: Act; filter: JobFilter },
): Promise<void> {
  const { options, out, connect, audited, sls } = context;
  const deps = await connect();
  const began = deps.clock.now();
  const signal = out.interrupted();
  const { rows, ...found } = await findMany(deps, action, filter, { began, signal });
  if (signal.aborted) throw new OperatorError('You stopped the search. Nothing was changed.');
  if (rows.length === 0) {
    out.note(`${counted(found.read, 'job')} read. ${found.where}`);
    return out.line('No jobs.');
  }
  out.lines(kindLines(rows));
  const question = `${counted(rows.length, 'job')} will be ${DONE[action]}. Type yes to begin: `;
  const answer = options.yes === true ? 'yes' : await out.ask(question);
  if (answer === undefined) throw new OperatorError('There is no terminal to ask on. Nothing was changed. Add --yes.');
  if (answer.trim() !== 'yes') return out.line('Nothing was changed.');

  const acting = { ...deps, audit: await audited() };
  const onProgress = (acted: number) => out.progress(acted, rows.length);
  const { done, refused, stopped } = await actOnEach(acting, rows, {
    action,
    ...(act && { act }),
    began,
    signal,
    onProgress,
  });
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

const kindLines = (rows: readonly JobRow[]): string[] =>
  tableText(
    ['QUEUE', 'STATE', 'ERROR', 'JOBS'],
    kindsOf(rows).map(({ queue, state, code, jobs }) => [queue, state, code, String(jobs)]),
  );
