import { eachOf } from '../concurrency';
import { StoreError } from '../errors';
import { groupBy } from '../group-by';
import type { JobRow } from '../jobs/row';
import { discard } from '../ops/discard';
import { findJob, parkedJobs } from '../ops/find';
import { type ActingDeps, type OperatorDeps, OperatorError } from '../ops/operator';
import { retry } from '../ops/retry';
import { hiddenUntil } from '../reconcile/pass';
import { counted, timeText } from '../text';
import { actOnMany, isBulk } from './act-on-many';
import type { CommandContext, Run } from './command';
import { queue, queues, required, text } from './options';
import { tableText } from './text';

/** As many as a DLQ can show at all (in flight, on a FIFO queue). */
const MOST = 100_000;
/** Groups side by side; within a group one after another, in their order. */
const GROUPS_AT_ONCE = 8;

/** What `sls dlq …` does. */
export const dlqRuns = {
  'dlq list': async ({ options, out, reader }) => {
    const from = await reader();
    const rows: JobRow[] = [];
    for (const name of queues(options, from)) {
      rows.push(...(await parkedJobs(from, { queue: name, limit: MOST })).rows);
      const until = await hiddenUntil(from, name);
      if (until !== undefined) out.note(`${name}: ${hiddenText(until)} This list is read from the table.`);
    }
    const expiresAt = ({ queue: name, parkedAt = 0 }: JobRow) => parkedAt + from.settings(name).dlqRetention * 1000;
    if (options.json) return out.json({ entries: rows.map((row) => entryView(row, expiresAt(row))) });
    if (rows.length === 0) return out.line('No dead jobs.');
    const head = ['ID', 'QUEUE', 'REASON', 'CODE', 'FIELD', 'SINCE (UTC)', 'EXPIRES'];
    const cells = rows.map((row) => [
      row.id,
      row.queue,
      row.reason ?? '',
      row.error?.code ?? '',
      row.error?.field ?? '',
      timeText(row.parkedAt),
      timeText(expiresAt(row)),
    ]);
    for (const line of tableText(head, cells)) out.line(line);
  },

  'dlq redrive': async (context) => {
    const { options, operator, audited, out } = context;
    const id = text(options, 'id');
    if (id === undefined && text(options, 'queue') === undefined)
      throw new OperatorError('Either --queue or --id must be given.');
    const deps = await operator();
    const rows = await chosen(deps, context);
    if (rows.length === 0) return out.line('No dead jobs.');
    const refused = await redriveAll({ ...deps, audit: await audited() }, rows, out);
    out.line(`${counted(rows.length - refused.length, 'job')} redriven.`);
    for (const name of new Set(rows.map((row) => row.queue))) {
      const until = await hiddenUntil(deps, name);
      if (until !== undefined)
        out.note(`${name}: ${hiddenText(until)} Entries of redriven jobs leave the DLQ after that.`);
    }
    for (const message of refused) out.note(message);
    if (refused.length > 0) throw new OperatorError(`${counted(refused.length, 'job')} could not be redriven.`);
  },

  'dlq discard': async (context) => {
    const { options, out, operator, audited } = context;
    if (isBulk(options)) return actOnMany(context, 'discard');
    const deps = await operator();
    const row = await findJob(deps, required(options, 'id'), queue(options, deps));
    await discard({ ...deps, audit: await audited() }, row);
    const until = await hiddenUntil(deps, row.queue);
    const when =
      until === undefined ? "with the reconciler's next run" : `after ${timeText(until)} (UTC) at the latest`;
    out.line(`${row.queue} ${row.id}: its entry leaves the DLQ ${when}.`);
    if (until !== undefined) out.note(`${row.queue}: ${hiddenText(until)}`);
  },
} satisfies Record<string, Run>;

async function chosen(deps: OperatorDeps, { options }: CommandContext): Promise<JobRow[]> {
  const name = queue(options, deps);
  const id = text(options, 'id');
  if (id !== undefined) return [await findJob(deps, id, name)];
  const code = text(options, 'code');
  const { rows } = await parkedJobs(deps, { queue: name ?? '', limit: MOST });
  const chosenRows = rows.filter(({ error }) => code === undefined || error?.code === code);
  if (rows.length > 0 && chosenRows.length === 0) {
    const codes = [...new Set(rows.flatMap(({ error }) => error?.code ?? []))].sort();
    throw new OperatorError(`No dead job of ${name} has the code ${code}. The codes are ${codes.join(', ')}.`);
  }
  return chosenRows;
}

/** Answers why jobs were not redriven; what SQS or the table refused is as good as untouched and can be redriven again. */
async function redriveAll(deps: ActingDeps, rows: JobRow[], out: CommandContext['out']): Promise<string[]> {
  const refused: string[] = [];
  const bar = out.progress(rows.length);
  let done = 0;
  const groups = [...groupBy(rows, ({ group, id }) => group ?? id).values()];
  try {
    await eachOf(groups, GROUPS_AT_ONCE, async (group) => {
      for (const row of group) {
        await retry(deps, row).catch((error: unknown) => {
          if (!(error instanceof OperatorError || error instanceof StoreError)) throw error;
          refused.push(error instanceof StoreError ? `${row.id}: ${error.message}` : error.message);
        });
        bar.set(++done);
      }
    });
  } finally {
    bar.stop();
  }
  return refused;
}

const hiddenText = (until: number): string =>
  `The reconciler looks through this DLQ in several runs and hides what it has seen until ${timeText(until)} (UTC).`;

const entryView = ({ id, queue: name, reason, error, parkedAt = 0 }: JobRow, expiresAt: number) => ({
  id,
  queue: name,
  reason,
  error,
  since: new Date(parkedAt).toISOString(),
  expires: new Date(expiresAt).toISOString(),
});
