import type { JobRow } from '../../lib/jobs/row';
import { replace, SIMPLE_ACTIONS, type SimpleAction, settle } from '../../lib/ops/act';
import { type Act, actOnEach, DONE, findMany, inOrder, kindsOf, type ManyAction, outcomesOf } from '../../lib/ops/many';
import { jobView, OperatorError, type Reader, stateOf } from '../../lib/ops/operator';
import { findJob, type JobFilter, jobsWithKey, listJobs } from '../../lib/ops/search';
import { counted } from '../../lib/text';
import {
  type Command,
  type CommandContext,
  count,
  HOURS,
  hour,
  JSON_OUTPUT,
  type Option,
  type Options,
  oneOf,
  QUEUE,
  queue,
  readJson,
  required,
  text,
} from './command';
import { jobLines, jobPage } from './job-text';
import { tableText } from './terminal';

/** Default limit of `sls jobs list`, and of `sls campaign list`. */
export const DEFAULT_LIMIT = 100;

const ID: Option = { usage: 'Id of the job', type: 'string', required: true };

const FILTERS: Record<string, Option> = {
  queue: QUEUE,
  state: { usage: 'State, like held, dead or discarded', type: 'string' },
  // `--reason` is the operator's.
  'job-reason': { usage: 'Reason of the state, like throttled or error', type: 'string' },
  code: { usage: 'Error code, like ZendeskRejected', type: 'string' },
  vendor: { usage: 'Vendor that the job waits for or failed at, like zendesk', type: 'string' },
  group: { usage: 'Message group', type: 'string' },
  user: { usage: 'Id of the user of a feedback', type: 'string' },
  email: { usage: 'Address of the user of a feedback, if there is no user id', type: 'string' },
  correlation: { usage: 'Correlation id', type: 'string' },
  ticket: { usage: 'Zendesk ticket that the job made', type: 'string' },
  message: { usage: "SQS message id, or the vendor's id of a mail", type: 'string' },
  ...HOURS,
};

const ONE_OR_MANY = { id: { ...ID, required: false }, ...FILTERS };

const acting = (action: SimpleAction, usage: string) =>
  ({ usage, writes: true, options: ONE_OR_MANY, run: (context) => act(context, action) }) satisfies Command;

export const jobs = {
  'jobs list': {
    usage: 'List waiting and dead jobs, or the jobs that a search finds',
    options: {
      ...FILTERS,
      key: { usage: "Caller's idempotency key", type: 'string' },
      principal: { usage: 'Owner of --key. Default: the system', type: 'string' },
      limit: { usage: `Most jobs. Default: ${DEFAULT_LIMIT}`, type: 'string' },
      json: JSON_OUTPUT,
    },
    run: list,
  },

  'jobs show': {
    usage: 'Show state, steps, error and history of a job',
    options: { id: ID, queue: QUEUE, json: JSON_OUTPUT },
    run: async (context) => {
      const { row, prefix } = await named(context);
      context.answer(jobView(row, prefix), jobPage(row, prefix));
    },
  },

  'jobs retry': {
    usage: 'Send a dead or cancelled job back to its queue, or all that a filter finds',
    writes: true,
    options: {
      ...ONE_OR_MANY,
      data: { usage: 'JSON file with new data: sends a new job in place of one that did nothing', type: 'string' },
    },
    run: async (context) => {
      const { options, out, audited } = context;
      const file = text(options, 'data');
      if (file === undefined) return act(context, 'retry');
      const { row, ...deps } = await named(context);
      const data = await readJson(file);
      const { id } = await replace({ ...deps, audit: await audited() }, row, data);
      out.line(`${row.queue} ${row.id}: was ${stateOf(row)}, sent again with other data as ${id}.`);
    },
  },

  'jobs cancel': acting('cancel', 'Cancel a queued or held job, or all that a filter finds'),
  'jobs discard': acting(
    'discard',
    'Remove the DLQ entry of a dead job, or of all that a filter finds. The jobs stay dead',
  ),

  'jobs settle': {
    usage: 'Record the outcome of an unknown step and resume the job, or all jobs that a filter finds',
    writes: true,
    options: {
      ...ONE_OR_MANY,
      step: { usage: 'Name of the step, as in sls jobs show', type: 'string', required: true },
      as: {
        usage: 'Outcome. done: it took effect. skipped: it did not, go on without it',
        type: 'string',
        required: true,
      },
    },
    run: async (context) => {
      const { options, out, audited, connect } = context;
      const step = required(options, 'step');
      const as = oneOf(options, 'as', ['done', 'skipped']);
      if (isMany(options)) {
        const filter = filterOf({ ...options, state: 'held', 'job-reason': 'unknown' }, await connect());
        return actOnMany(context, { action: 'settle', act: (deps, row) => settle(deps, { row, step, as }), filter });
      }
      const { row, ...deps } = await named(context);
      const settled = await settle({ ...deps, audit: await audited() }, { row, step, as });
      out.line(`${row.queue} ${row.id}: ${step} is ${as}, the job is ${stateOf(settled)}.`);
    },
  },
} satisfies Record<string, Command>;

async function named({ options, connect }: CommandContext) {
  const deps = await connect();
  return { ...deps, row: await findJob(deps, required(options, 'id'), queue(options, deps)) };
}

/** Whether the options select jobs by a filter, and not one by its ID. */
function isMany(options: Options): boolean {
  const one = text(options, 'id') !== undefined;
  // The queue of a job with an ID only says where to look for it.
  const many = Object.keys(FILTERS).some((name) => text(options, name) !== undefined && !(one && name === 'queue'));
  if (one && many) throw new OperatorError('Give an ID or a filter, not both.');
  if (!one && !many) throw new OperatorError('Give an ID, or a filter such as --code. --help lists them.');
  return many;
}

async function act(context: CommandContext, action: SimpleAction): Promise<void> {
  const { options, out, audited } = context;
  if (isMany(options)) {
    // Without a state, retry and discard mean dead jobs: a cancelled one stays so unless the filter names that state.
    const state = options.state ?? (action === 'cancel' ? undefined : 'dead');
    const filter = filterOf({ ...options, state }, await context.connect());
    return actOnMany(context, { action, filter });
  }
  const { row, ...deps } = await named(context);
  out.line(`${row.queue} ${row.id}: ${await SIMPLE_ACTIONS[action]({ ...deps, audit: await audited() }, row)}`);
}

/** Acts on all jobs found that ended before the command began. After Ctrl-C or a crash, the same command goes on. */
async function actOnMany(
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
  const { done, refused, stopped } = await actOnEach(acting, rows, { action, act, began, signal, onProgress });
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

const filterOf = (options: Options, names: { queueNames: readonly string[] }): JobFilter => ({
  ...Object.fromEntries(Object.keys(FILTERS).map((name) => [name, text(options, name)])),
  reason: text(options, 'job-reason'),
  queue: queue(options, names),
  from: hour(options, 'from'),
  to: hour(options, 'to'),
});

/** Prints what the filter finds. Ctrl-C stops the search and prints what it has found. */
async function list({ options, out, answer, connect }: CommandContext): Promise<void> {
  const limit = count(options, 'limit', { otherwise: DEFAULT_LIMIT });
  const deps = await connect();
  const key = text(options, 'key');
  const signal = out.interrupted();
  const { rows, next, ...search } =
    key === undefined
      ? await listJobs(deps, filterOf(options, deps), { limit, signal, onProgress: out.progress })
      : { rows: await withKey(deps, key, options), next: undefined };
  const more = next !== undefined;
  const shown = inOrder(rows).slice(0, limit);
  answer({ jobs: shown.map((row) => jobView(row, deps.prefix)), more }, jobLines(shown));
  if (!('where' in search)) return;
  out.note(`${counted(search.read, 'job')} read. ${search.where}`);
  if (signal.aborted) out.note('You stopped the search. There may be more jobs.');
  else if (more) out.note('There are more jobs. Narrow the search, or raise --limit.');
}

async function withKey(deps: Reader, key: string, options: Options): Promise<JobRow[]> {
  const rows = await jobsWithKey(deps, { key, principal: text(options, 'principal'), queue: queue(options, deps) });
  if (rows.length > 0) return rows;
  throw new OperatorError(
    'No job of the system has this key. The key of a client or user belongs to its principal: add --principal.',
  );
}
