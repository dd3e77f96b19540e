import { access, constants, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { mapEach } from '../../lib/concurrency';
import { chunkSizeOf } from '../../lib/emails/campaigns/campaign';
import { ANALYTICS_QUEUE, CAMPAIGN_QUEUE, FEEDBACK_QUEUE } from '../../lib/jobs/keys';
import { OperatorError } from '../../lib/ops/operator';
import { ENDS, type Figures, monthFigures } from '../../lib/ops/report';
import { counted, timeText } from '../../lib/text';
import { ASSUMED, type Billed, bill, billedOf, PRICES, storedCounts, sumOf } from '../../resources/cost';
import { chosenInstance } from '../../resources/instances/read';
import { type Command, type CommandContext, count, JSON_OUTPUT, month as monthOption, readJson, text } from './command';
import { type Part, page } from './report-page';
import { tableText } from './terminal';

/** What `sls report --json` prints, and --compare reads. Times are ms, money is USD. */
export interface MonthReport extends Figures {
  report: 1;
  instance: string;
  month: string;
  /** The end of the figures, ms since 1970. */
  to: number;
  isOver: boolean;
  /** One of so many records was read. */
  every: number;
  criteria: Criterion[];
  /** Canaries that were due since the month began. Fewer were measured if the service did not run all the time. */
  canariesDue: number;
  /** By service of AWS. */
  cost: Record<string, number>;
}

interface Criterion {
  criterion: string;
  figure: string;
  /** Absent: there are no data. */
  met?: boolean;
}

export const reports = {
  report: {
    usage: "Show a month's jobs, times, availability and cost, and which of the plan's success criteria are met",
    offline: 'compare',
    options: {
      month: { usage: 'Month (UTC), like 2026-01. Default: this month so far', type: 'string' },
      sample: { usage: 'Read one of this many records, and multiply the counts. Default: 1', type: 'string' },
      html: { usage: 'File for the report as one HTML page with charts', type: 'string' },
      compare: { usage: 'Files of --json with commas between them: show these side by side', type: 'string' },
      json: JSON_OUTPUT,
    },
    run: async (context) => {
      const { options, out } = context;
      const files = text(options, 'compare')?.split(',');
      const html = text(options, 'html');
      // Before thousands of records are read.
      if (html !== undefined) await access(dirname(html), constants.W_OK).catch(unwritable(html));
      const made = files ? await mapEach(files, 1, readReport) : [await reportOf(context)];
      const parts = made.length === 1 && made[0] ? partsOf(made[0]) : comparedParts(made);
      const title = made.map(({ instance, month }) => `${instance} ${month}`).join(', ');
      if (html !== undefined) await writeFile(html, page(title, parts)).catch(unwritable(html));
      if (options.json) out.json(files ? made : made[0]);
      else
        for (const part of parts)
          if (typeof part === 'string') out.line(part);
          else if ('cells' in part) out.lines(['', ...tableText(part.head, part.cells), '']);
    },
  },
} satisfies Record<string, Command>;

const unwritable = (file: string) => (error: NodeJS.ErrnoException) => {
  throw new OperatorError(`${file}: cannot be written (${error.code}).`);
};

async function readReport(file: string): Promise<MonthReport> {
  const stored = (await readJson(file)) as Partial<MonthReport> | null;
  if (stored?.report === 1 && Array.isArray(stored.criteria)) return stored as MonthReport;
  throw new OperatorError(`${file}: is not a report. Make it with: sls report --json.`);
}

async function reportOf({ options, out, serverless, connect }: CommandContext): Promise<MonthReport> {
  const now = Date.now();
  const from = monthOption(options, 'month') ?? Date.parse(new Date(now).toISOString().slice(0, 7));
  const month = new Date(from).toISOString().slice(0, 7);
  if (from > now) throw new OperatorError(`--month must not be in the future, is ${month}.`);
  const end = new Date(from).setUTCMonth(new Date(from).getUTCMonth() + 1);
  const [to, isOver] = [Math.min(end, now), end <= now];
  const every = count(options, 'sample', { otherwise: 1 });
  const deps = await connect();
  const { instance } = deps;
  const begins = (records: number, lists: number) => {
    const usd = records * PRICES.s3Get + lists * PRICES.s3Put;
    out.note(`Reading ${counted(records, 'record')}, for about ${usd.toFixed(2)} USD. Ctrl-C ends it.`);
  };
  const figures = await monthFigures(deps, { from, to, every, begins, progress: out.progress });
  if (figures.records + figures.all.succeeded + figures.all.dead === 0)
    throw new OperatorError(`${instance} has no records of ${month}, and no metrics.`);
  const cost = costOf(figures, billedOf(serverless.service.resources?.Resources ?? {}, instance));
  const criteria = criteriaOf(figures, sumOf(cost));
  const { canaryEvery = 0 } = chosenInstance(options).settings;
  const canariesDue = canaryEvery === 0 ? 0 : Math.floor((to - from) / (canaryEvery * 60_000)) * deps.queueNames.length;
  return { report: 1, instance, month, to, isOver, every, criteria, canariesDue, cost, ...figures };
}

/** The bill of the month, with what its fixed parts cost in a whole one. */
function costOf({ queues, all, accepted, rejected }: Figures, billed: Billed): Record<string, number> {
  const jobs = (name: string) => totalOf(queues[name]);
  const month = {
    feedback: jobs(FEEDBACK_QUEUE),
    // A single mail is a job as a chunk is one.
    emails: jobs(CAMPAIGN_QUEUE) * chunkSizeOf(ASSUMED.emailRate),
    events: accepted + rejected,
    testflight: totalOf(all) - jobs(FEEDBACK_QUEUE) - jobs(CAMPAIGN_QUEUE) - jobs(ANALYTICS_QUEUE),
  };
  return bill(storedCounts(), month, billed);
}

const totalOf = (ends: Figures['all'] | undefined): number => (ends ? ends.succeeded + ends.dead + ends.cancelled : 0);
const percent = (part: number, of: number): string => `${((100 * part) / of).toFixed(2)} %`;
const seconds = (ms: number): string => (ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`);

/** The plan's success criteria. */
function criteriaOf({ all, days, verified }: Figures, usd: number): Criterion[] {
  const { succeeded, dead, accept, finish } = all;
  const jobs = succeeded + dead;
  const sum = (name: 'inTime' | 'canaries') => days.reduce((total, day) => total + day[name], 0);
  const [inTime, canaries] = [sum('inTime'), sum('canaries')];
  const { checked, differences, incomplete, days: nights } = verified;
  const compared = `${differences} of ${checked} differ, ${nights} of ${nights + incomplete} checks finished`;
  const rows: [criterion: string, of: number, figure: string, met: boolean][] = [
    ['The API accepts a job in under 200 ms (p95)', accept.jobs, seconds(accept.p95), accept.p95 < 200],
    ['Processing takes under 30 s on average', finish.jobs, seconds(finish.average), finish.average < 30_000],
    ['Under 1 % of the jobs fail', jobs, percent(dead, jobs), dead < jobs / 100],
    ['99.9 % available, by canaries', canaries, percent(inTime, canaries), inTime >= 0.999 * canaries],
    ['Every message is found again in S3', checked + incomplete, compared, differences + incomplete === 0],
    ['A month costs at most 90 USD', 1, `${usd.toFixed(2)} USD`, usd <= 90],
  ];
  return rows.map(([criterion, of, figure, met]) =>
    of > 0 ? { criterion, figure, met } : { criterion, figure: 'no data' },
  );
}

/** What the report shows: sentences, tables, and charts for the page. */
function partsOf(report: MonthReport): Part[] {
  const { instance, month, to, isOver, every, damaged, all, days, queues, cost } = report;
  const now = `The month is not over: figures until ${timeText(to)} (UTC), fixed costs of the whole month.`;
  const labels = days.map(({ day }) => day.slice(8));
  const of = (name: keyof (typeof days)[number]) => days.map((day) => Number(day[name]));
  const share = days.map(({ inTime, canaries }) => (canaries > 0 ? (100 * inTime) / canaries : 0));
  const timed = Object.entries(queues).filter(([, { finish }]) => finish.jobs > 0);
  const codes = Object.entries(all.codes).sort(([, a], [, b]) => b - a);
  const notes = [
    ...[`${instance}, ${month}.`, !isOver && now, every > 1 && `A sample: one of ${every} records, multiplied.`],
    damaged > 0 && `${counted(damaged, 'record')} could not be read.`,
  ];
  return [
    notes.filter(Boolean).join(' '),
    {
      caption: 'Success criteria of the plan',
      head: ['CRITERION', 'FIGURE', 'MET'],
      cells: report.criteria.map((one) => [one.criterion, one.figure, metText(one)]),
    },
    { chart: 'Jobs by day of acceptance', unit: 'jobs', labels, series: seriesOf(ENDS, of) },
    { chart: 'Canaries done in time, by day', unit: '%', labels, series: { 'in time': share } },
    { caption: 'Queues', head: QUEUES_HEAD, cells: Object.entries({ ...queues, all }).map(queueCells) },
    `Dead by error code: ${codes.map(([code, jobs]) => `${code} ${jobs}`).join(', ') || 'none'}.`,
    `Canaries: ${of('canaries').reduce((sum, day) => sum + day, 0)} of ${report.canariesDue} that were due since the month began.`,
    `Mails: ${report.mails} single, ${report.chunks} chunks of campaigns. SendGrid reported ${report.mailEvents} events.`,
    `Analytics: ${report.accepted} events accepted, ${report.rejected} rejected.`,
    finishChart(timed),
    { caption: 'Cost, estimated from counts', head: ['SERVICE', 'USD'], cells: costCells(report) },
    {
      chart: 'Cost by service',
      unit: 'USD',
      labels: Object.keys(cost).map((name) => name.replace('CloudWatch ', '')),
      series: { cost: Object.values(cost) },
    },
  ];
}

/** A column for each report. */
function comparedParts(all: readonly MonthReport[]): Part[] {
  const names = all.map(({ instance, month, isOver }) => `${instance} ${month}${isOver ? '' : ', not over'}`);
  const row = (label: string, of: (report: MonthReport) => string | number) => [
    label,
    ...all.map((one) => `${of(one)}`),
  ];
  const cells = [
    ...(all[0]?.criteria ?? []).map(({ criterion }, at) => row(criterion, ({ criteria }) => figureText(criteria[at]))),
    ...ENDS.map((end) => row(`Jobs ${end}`, (one) => one.all[end])),
    ...PARTS.map((part) => row(`Time to finish, ${part}`, (one) => seconds(one.all.finish[part]))),
    row('Single mails', ({ mails }) => mails),
    row('Chunks of campaigns', ({ chunks }) => chunks),
    row('Events of analytics', ({ accepted }) => accepted),
  ];
  return [
    { caption: 'Side by side', head: ['FIGURE', ...names], cells },
    finishChart(all.map((one) => [one.instance, one.all])),
    {
      chart: 'Cost',
      unit: 'USD',
      labels: all.map(({ instance }) => instance),
      series: { cost: all.map(({ cost }) => sumOf(cost)) },
    },
  ];
}

const PARTS = ['p50', 'p95', 'p99'] as const;
const seriesOf = <N extends string>(names: readonly N[], of: (name: N) => number[]) =>
  Object.fromEntries(names.map((name) => [name, of(name)]));
type Named = [name: string, figures: Figures['all']];
const finishChart = (of: readonly Named[]): Part => ({
  ...{ chart: 'Time to finish', unit: 's', labels: of.map(([name]) => name) },
  series: seriesOf(PARTS, (part) => of.map(([, { finish }]) => finish[part] / 1000)),
});

const metText = ({ met }: Criterion): string => (met === undefined ? 'unknown' : met ? 'yes' : 'NO');
const figureText = (one: Criterion | undefined): string => (one ? `${one.figure} (${metText(one)})` : '');
const costCells = ({ cost }: MonthReport): string[][] =>
  Object.entries({ ...cost, all: sumOf(cost) }).map(([service, usd]) => [service, usd.toFixed(2)]);

const QUEUES_HEAD = [
  ...['QUEUE', 'SUCCEEDED', 'DEAD', 'CANCELLED', 'FAILED', 'WAITED'],
  ...['FINISH P50', 'FINISH P95', 'FINISH P99', 'ACCEPT P50', 'ACCEPT P95', 'ACCEPT P99'],
];
function queueCells([name, { succeeded, dead, cancelled, waited, finish, accept }]: Named): string[] {
  const failed = succeeded + dead > 0 ? percent(dead, succeeded + dead) : '';
  const times = [finish, accept].flatMap((of) => PARTS.map((part) => (of.jobs > 0 ? seconds(of[part]) : '')));
  return [name, ...[succeeded, dead, cancelled].map(String), failed, String(waited), ...times];
}
