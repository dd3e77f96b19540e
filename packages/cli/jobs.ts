import { bodyKey, recordKey } from '../../lib/engine/jobs/keys';
import { type JobRow, type StoredError, traceFacts } from '../../lib/engine/jobs/row';
import { type Act, replacing, SIMPLE_ACTIONS, settling } from '../../lib/operate/ops/act';
import { actOnEach, DONE, findMany, inOrder, kindsOf, type ManyAction, outcomesOf } from '../../lib/operate/ops/many';
import { jobView, nextAt, OperatorError, stateOf } from '../../lib/operate/ops/operator';
import { type Outage, outageOf } from '../../lib/operate/ops/pause';
import { findJob, type JobFilter, listJobs } from '../../lib/operate/ops/search';
import { counted, timeText } from '../../lib/platform/text';
import {
  type Command,
  type CommandContext,
  confirmed,
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
import { tableText } from './terminal';

const DEFAULT_LIMIT = 100;

const ID: Option = { usage: 'Id of the job', type: 'string', required: true };

const FILTERS: Record<string, Option> = {
  queue: QUEUE,
  state: { usage: 'State, like held, dead, discarded or replaced', type: 'string' },
  // `--reason` is the operator's.
  'job-reason': { usage: 'Reason of the state, like throttled or error', type: 'string' },
  code: { usage: 'Error code, like ZendeskRejected', type: 'string' },
  without: { usage: 'What a succeeded job lacks, like confirmation, or the code that says why', type: 'string' },
  vendor: { usage: 'Vendor that the job waits for or failed at, like zendesk', type: 'string' },
  group: { usage: 'Message group', type: 'string' },
  user: { usage: 'Id of the user of a feedback', type: 'string' },
  email: { usage: 'Address of the user of a feedback, if there is no user id', type: 'string' },
  mention: { usage: 'Correlation id, Zendesk ticket, SQS message id, or id of a mail', type: 'string' },
  ...HOURS,
};

/** A command for one job, or for all that a filter finds. `actOf`: what it does, by its other options. */
const acting = (
  action: ManyAction,
  usage: string,
  actOf: (options: Options) => Act | Promise<Act>,
  more: Record<string, Option> = {},
) =>
  ({
    usage: `${usage}, or all that a filter finds`,
    writes: true,
    options: { id: { ...ID, required: false }, ...FILTERS, ...more },
    run: async (context) => {
      const { options, out, audited } = context;
      const act = await actOf(options);
      if (isMany(options)) return actOnMany(context, action, act);
      const { row, ...deps } = await named(context);
      out.line(`${row.queue} ${row.id}: ${await act({ ...deps, audit: await audited() }, row)}`);
    },
  }) satisfies Command;

export const jobs = {
  'jobs list': {
    usage: 'List waiting and dead jobs, or the jobs that a search finds',
    options: {
      ...FILTERS,
      limit: { usage: `Most jobs. Default: ${DEFAULT_LIMIT}`, type: 'string' },
      json: JSON_OUTPUT,
    },
    run: list,
  },

  'jobs show': {
    usage: 'Show state, steps, error and history of a job',
    options: { id: ID, queue: QUEUE, json: JSON_OUTPUT },
    run: async (context) => {
      const { row, ...deps } = await named(context);
      const outage = await outageOf(deps, row);
      context.answer({ ...jobView(row, deps.prefix), ...(outage && { outage }) }, jobPage(row, deps.prefix, outage));
    },
  },

  'jobs retry': acting(
    'retry',
    'Send a dead or cancelled job back to its queue',
    async (options) => {
      const file = text(options, 'data');
      if (file === undefined) return SIMPLE_ACTIONS.retry;
      required(options, 'id');
      return replacing(await readJson(file));
    },
    { data: { usage: 'JSON file with new data: sends a new job in place of one that did nothing', type: 'string' } },
  ),

  'jobs resend': acting('resend', 'Send the mail that a succeeded job lacks', () => SIMPLE_ACTIONS.resend),

  'jobs cancel': acting('cancel', 'Cancel a queued or held job', () => SIMPLE_ACTIONS.cancel),

  'jobs discard': acting(
    'discard',
    'Put a dead job aside: its DLQ entry goes, and no count has it any more',
    () => SIMPLE_ACTIONS.discard,
  ),

  'jobs settle': acting(
    'settle',
    'Record the outcome of an unknown step and resume the job',
    (options) => settling(required(options, 'step'), oneOf(options, 'as', ['done', 'skipped'])),
    {
      step: { usage: 'Name of the step, as in sls jobs show', type: 'string', required: true },
      as: { usage: 'done: it took effect. skipped: it did not, go on without it', type: 'string', required: true },
    },
  ),
} satisfies Record<string, Command>;

async function named({ options, connect }: CommandContext) {
  const deps = await connect();
  return { ...deps, row: await findJob(deps, required(options, 'id'), queue(options, deps)) };
}

function isMany(options: Options): boolean {
  const one = text(options, 'id') !== undefined;
  // The queue of a job with an ID only says where to look for it.
  const many = Object.keys(FILTERS).some((name) => text(options, name) !== undefined && !(one && name === 'queue'));
  if (one && many) throw new OperatorError('Give an ID or a filter, not both.');
  if (!one && !many) throw new OperatorError('Give an ID, or a filter such as --code. --help lists them.');
  return many;
}

/** Acts on all jobs found that ended before the command began. After Ctrl-C or a crash, the same command goes on. */
async function actOnMany(context: CommandContext, action: ManyAction, act: Act): Promise<void> {
  const { options, out, connect, audited } = context;
  const deps = await connect();
  const began = deps.clock.now();
  const signal = out.interrupted();
  const { rows, ...found } = await findMany(deps, action, filterOf(options, deps), { began, signal });
  if (signal.aborted) throw new OperatorError('You stopped the search. Nothing was changed.');
  if (rows.length === 0) {
    out.note(`${counted(found.read, 'row')} read. ${found.where}`);
    return out.line('No jobs.');
  }
  out.lines(kindLines(rows));
  if (!(await confirmed(`${counted(rows.length, 'job')} will be ${DONE[action]}.`, context))) return;

  const acting = { ...deps, audit: await audited() };
  const onProgress = (acted: number) => out.progress(acted, rows.length);
  const { done, refused, stopped } = await actOnEach(acting, rows, { action, act, began, signal, onProgress });
  for (const { id, why } of refused) out.note(`${id}: ${why}`);
  const parts = [
    `${done.length} of ${counted(rows.length, 'job')} ${DONE[action]}`,
    ...(refused.length > 0 ? [`${refused.length} refused`] : []),
    ...(stopped ? ['stopped: run the command again to go on'] : []),
  ];
  out.line(`${parts.join(', ')}.`);
  if ((action === 'retry' || action === 'resend') && done.length > 0 && !stopped) {
    out.note('Waiting up to a minute for their outcomes. Ctrl-C ends the wait.');
    out.lines(kindLines(await outcomesOf(deps, done, { signal })));
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
  const signal = out.interrupted();
  const found = await listJobs(deps, filterOf(options, deps), { limit, signal, onProgress: out.progress });
  const more = found.next !== undefined;
  const rows = inOrder(found.rows);
  answer({ jobs: rows.map((row) => jobView(row, deps.prefix)), more }, jobLines(rows));
  out.note(`${counted(found.read, 'row')} read. ${found.where}`);
  if (signal.aborted) out.note('You stopped the search. There may be more jobs.');
  else if (more) out.note('There are more jobs. Narrow the search, or raise --limit.');
}

function jobLines(rows: readonly JobRow[]): string[] {
  if (rows.length === 0) return ['No jobs.'];
  const head = ['ID', 'QUEUE', 'STATE', 'ATTEMPTS', 'ACCEPTED (UTC)', 'NEXT', 'ENDED', 'ERROR'];
  const cells = rows.map((row) => [
    row.id,
    row.queue,
    stateOf(row),
    String(row.attempts),
    timeText(row.time),
    timeText(nextAt(row)),
    timeText(row.endedAt),
    row.error?.code ?? '',
  ]);
  return tableText(head, cells);
}

function jobPage(row: JobRow, prefix: string, outage: Outage | undefined): string[] {
  const { queue, id, error, result } = row;
  const { correlationId, parent } = traceFacts(row);
  const facts: Record<string, string | undefined> = {
    type: row.type,
    group: row.group,
    correlation: correlationId,
    'left out': row.warnings?.join(', '),
    campaign: parent,
    accepted: timeText(row.time),
    'planned for': timeText(row.notBefore),
    attempts: `${row.attempts}, opened ${row.generation}, held ${row.holds}`,
    waits: outage && `${row.vendor} answers ${outage.code}`,
    next: outage?.trial || timeText(nextAt(row)),
    ended: timeText(row.endedAt),
    error: error && errorText(error),
    result: result === undefined ? undefined : JSON.stringify(result),
    record: row.recordedAt === undefined ? undefined : recordKey(prefix, row),
    body: row.bodyKept ? bodyKey(prefix, queue, id) : undefined,
  };
  const steps = Object.entries(row.steps).map(([name, { status, reason = '', result, startedAt, endedAt }]) => [
    name,
    status,
    timeText(endedAt ?? startedAt),
    result === undefined ? reason : JSON.stringify(result),
    row.evidence?.[name]?.event ?? '',
  ]);
  const history = row.history.map(({ at, event, messageId = '', attempt = '', error: thrown, note = '' }) => [
    timeText(at),
    event,
    String(attempt),
    thrown?.code ?? note,
    messageId,
  ]);
  return [
    `${queue} ${id}: ${stateOf(row)}`,
    ...Object.entries(facts).flatMap(([name, value]) => (value ? [`  ${name.padEnd(12)}${value}`] : [])),
    ...section(['STEP', 'STATUS', 'AT', 'RESULT', 'SEEN'], steps),
    ...section(['AT (UTC)', 'EVENT', 'ATTEMPT', 'ERROR', 'MESSAGE'], history),
  ];
}

const section = (head: string[], rows: string[][]): string[] =>
  rows.length === 0 ? [] : ['', ...tableText(head, rows).map((line) => `  ${line}`)];

const errorText = ({ class: kind, code, field, vendor, status, message }: StoredError): string =>
  [`${code} (${kind})`, field, vendor && `${vendor}${status ? ` ${status}` : ''}`, message].filter(Boolean).join(' · ');
