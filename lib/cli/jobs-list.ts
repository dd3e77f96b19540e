import { type JobRow, STATES } from '../jobs/row';
import type { JobFilter } from '../ops/job-filter';
import { jobView, OperatorError, type Reader } from '../ops/operator';
import { jobsWithKey, type Search, searchJobs } from '../ops/search';
import { counted } from '../text';
import type { CommandContext, Output } from './command';
import { jobLines } from './job-text';
import { hour, oneOf, queue, text } from './options';

type Options = CommandContext['options'];

/** The fields of a filter, and their options. `--reason` of a command that changes something is the operator's. */
const OPTION_OF = {
  reason: 'job-reason',
  ...{ code: 'code', vendor: 'vendor', group: 'group', user: 'user', email: 'email' },
  ...{ correlation: 'correlation', ticket: 'ticket', message: 'message' },
} as const satisfies Partial<Record<keyof JobFilter, string>>;
const BY_VALUE = Object.values(OPTION_OF);

/** Whether the options name jobs by anything but an id. */
export const isFiltered = (options: Options): boolean =>
  [...BY_VALUE, 'from', 'to', 'queue', 'state'].some(
    // The queue of a job with an ID only says where to look for it.
    (name) => text(options, name) !== undefined && (name !== 'queue' || text(options, 'id') === undefined),
  );

/** The filter that the options give. Throws an OperatorError for a value that cannot exist. */
export const filterOf = (options: Options, names: { queueNames: readonly string[] }): JobFilter => ({
  queue: queue(options, names),
  ...{ state: oneOf(options, 'state', STATES), from: hour(options, 'from'), to: hour(options, 'to') },
  ...Object.fromEntries(Object.entries(OPTION_OF).map(([field, option]) => [field, text(options, option)])),
});

/** Prints what the filter finds. Ctrl-C stops the search and prints what it has found. */
export async function listFound(options: Options, out: Output, reader: Reader, limit: number): Promise<void> {
  const { rows, more, notes } = await found(options, out, reader, limit);
  if (options.json) out.json({ jobs: rows.map((row) => jobView(row, reader.prefix)), more });
  else out.lines(jobLines(rows));
  for (const note of notes) out.note(note);
}

interface Listed {
  rows: JobRow[];
  more: boolean;
  notes: string[];
}

async function found(options: Options, out: Output, reader: Reader, limit: number): Promise<Listed> {
  const key = text(options, 'key');
  if (key === undefined) return collected(out, await searchJobs(reader, filterOf(options, reader)), limit);
  const rows = await jobsWithKey(reader, { key, principal: text(options, 'principal'), queue: queue(options, reader) });
  if (rows.length === 0)
    throw new OperatorError(
      'No job of the system has this key. The key of a client or user belongs to its principal: add --principal.',
    );
  return { rows, more: false, notes: [] };
}

async function collected(out: Output, search: Search, limit: number): Promise<Listed> {
  const rows: JobRow[] = [];
  const signal = out.interrupted();
  let looked = 0;
  for await (const step of search.steps({ signal })) {
    rows.push(...step.rows);
    looked = step.looked;
    out.progress(step.done, step.of);
    if (rows.length > limit) break;
  }
  const shown = rows.toSorted((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1)).slice(0, limit);
  const notes = [
    `${counted(looked, 'job')} looked at. ${search.where}`,
    ...(signal.aborted ? ['You stopped the search. There may be more jobs.'] : []),
    ...(rows.length > limit ? ['There are more jobs. Narrow the search, or raise --limit.'] : []),
  ];
  return { rows: shown, more: rows.length > limit || signal.aborted, notes };
}
