import { hasEntry } from '../jobs/park';
import type { JobRow } from '../jobs/row';
import { discard } from '../ops/discard';
import { findJob, parkedJobs } from '../ops/find';
import { type OperatorDeps, OperatorError } from '../ops/operator';
import { retry } from '../ops/retry';
import { hiddenUntil } from '../reconcile/pass';
import { timeText } from '../text';
import { actOnMany, isBulk } from './act-on-many';
import type { Run } from './command';
import { queue, queues, required, text } from './options';
import { tableText } from './text';

/** As many as a DLQ can show at all (in flight, on a FIFO queue). */
const MOST = 100_000;

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
    if (id === undefined)
      await actOnMany({ ...context, options: { ...options, state: 'dead' } }, 'retry', entryIn(deps));
    else {
      await retry({ ...deps, audit: await audited() }, await findJob(deps, id, queue(options, deps)));
      out.line('1 job redriven.');
    }
    for (const name of queues(options, deps)) {
      const until = await hiddenUntil(deps, name);
      if (until !== undefined)
        out.note(`${name}: ${hiddenText(until)} Entries of redriven jobs leave the DLQ after that.`);
    }
  },

  'dlq discard': async (context) => {
    const { options, out, operator, audited } = context;
    const deps = await operator();
    if (isBulk(options)) return actOnMany(context, 'discard', entryIn(deps));
    const row = await findJob(deps, required(options, 'id'), queue(options, deps));
    await discard({ ...deps, audit: await audited() }, row);
    const until = await hiddenUntil(deps, row.queue);
    const when =
      until === undefined ? "with the reconciler's next run" : `after ${timeText(until)} (UTC) at the latest`;
    out.line(`${row.queue} ${row.id}: its entry leaves the DLQ ${when}.`);
    if (until !== undefined) out.note(`${row.queue}: ${hiddenText(until)}`);
  },
} satisfies Record<string, Run>;

const entryIn = (deps: OperatorDeps) => (row: JobRow) => hasEntry(deps, row, deps.clock.now());

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
