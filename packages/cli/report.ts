import { access, constants, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { mapEach } from '../../lib/concurrency';
import { duration } from '../../lib/duration';
import { chunkSizeOf } from '../../lib/emails/campaigns/campaign';
import { ANALYTICS_QUEUE, EMAILS_QUEUE, FEEDBACK_QUEUE } from '../../lib/jobs/keys';
import { OperatorError } from '../../lib/ops/operator';
import { counted, timeText } from '../../lib/text';
import { ASSUMED, type Billed, bill, billedOf, storedCounts, sumOf } from '../../resources/cost';
import { type Command, type CommandContext, JSON_OUTPUT, month as monthOption, readJson, text } from './command';
import { ENDS, type Figures, monthFigures } from './month-figures';
import { tableText } from './terminal';

/** What `sls report --json` prints, and --compare reads. Times are ms, money is USD. `to`: the end of the figures. */
type MonthReport = Awaited<ReturnType<typeof reportOf>>;

interface Criterion {
  criterion: string;
  figure: string;
  /** Absent: there are no data. */
  met?: boolean;
}

export const reports = {
  report: {
    usage: "Show a month's jobs, times, availability and cost, and which of the success criteria are met",
    offline: 'compare',
    options: {
      month: { usage: 'Month (UTC), like 2026-01. Default: this month so far', type: 'string' },
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
          else if (!part.pageOnly) out.lines(['', ...tableText(part.head, part.cells.map(cellTexts)), '']);
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

async function reportOf({ options, out, serverless, connect }: CommandContext) {
  const now = Date.now();
  const from = monthOption(options, 'month') ?? Date.parse(new Date(now).toISOString().slice(0, 7));
  const month = new Date(from).toISOString().slice(0, 7);
  if (from > now) throw new OperatorError(`--month must not be in the future, is ${month}.`);
  const end = new Date(from).setUTCMonth(new Date(from).getUTCMonth() + 1);
  const [to, isOver] = [Math.min(end, now), end <= now];
  const deps = await connect();
  const { instance } = deps;
  const figures = await monthFigures(deps, { from, to, progress: out.progress });
  if (figures.records + figures.all.succeeded + figures.all.dead === 0)
    throw new OperatorError(`${instance} has no records of ${month}, and no metrics.`);
  const cost = costOf(figures, billedOf(serverless.service.resources?.Resources ?? {}, instance));
  const criteria = criteriaOf(figures, sumOf(cost));
  return { report: 1 as const, instance, month, to, isOver, criteria, cost, ...figures };
}

/** The bill of the month, with what its fixed parts cost in a whole one. */
function costOf({ queues, all, accepted, rejected }: Figures, billed: Billed): Record<string, number> {
  const jobs = (name: string) => totalOf(queues[name]);
  const month = {
    feedback: jobs(FEEDBACK_QUEUE),
    // A single mail is a job as a chunk is one.
    emails: jobs(EMAILS_QUEUE) * chunkSizeOf(ASSUMED.emailRate),
    events: accepted + rejected,
    testflight: totalOf(all) - jobs(FEEDBACK_QUEUE) - jobs(EMAILS_QUEUE) - jobs(ANALYTICS_QUEUE),
  };
  return bill(storedCounts(), month, billed);
}

const totalOf = (ends: Figures['all'] | undefined): number => (ends ? ends.succeeded + ends.dead + ends.cancelled : 0);
const percent = (part: number, of: number): string => `${((100 * part) / of).toFixed(2)} %`;
const seconds = (ms: number): string => (ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`);

/** What canaries measure: they call no vendor. */
const AVAILABLE = '99.9 % available: queues and workers, without vendors';
const waitsText = ({ jobs, longest }: Figures['all']['finish'], how: string): string[] =>
  jobs > 0 ? [`${jobs} ${how}, the longest ${duration(Math.round(longest / 1_000))}`] : [];

function criteriaOf({ all, days, verified }: Figures, usd: number): Criterion[] {
  const { succeeded, dead, accept, finish, vendorWaits, otherWaits } = all;
  const jobs = succeeded + dead;
  const sum = (name: 'inTime' | 'canaries') => days.reduce((total, day) => total + day[name], 0);
  const [inTime, canaries] = [sum('inTime'), sum('canaries')];
  const { checked, differences, incomplete, days: nights } = verified;
  const compared = `${differences} of ${checked} differ, ${nights} of ${nights + incomplete} checks finished`;
  const processing = [
    `${seconds(finish.average)} on average over ${counted(finish.jobs, 'job')}`,
    ...waitsText(vendorWaits, 'waited for a vendor'),
    ...waitsText(otherWaits, 'waited for an operator or were opened again'),
  ].join('; ');
  const rows: [criterion: string, of: number, figure: string, met: boolean][] = [
    [
      'The API accepts a job in under 200 ms (p95)',
      accept.jobs,
      `${seconds(accept.p95)} over ${counted(accept.jobs, 'job')}`,
      accept.p95 < 200,
    ],
    ['Processing takes under 30 s on average', finish.jobs, processing, finish.average < 30_000],
    ['Under 1 % of the jobs fail', jobs, `${percent(dead, jobs)}: ${dead} of ${jobs}`, dead < jobs / 100],
    [AVAILABLE, canaries, `${percent(inTime, canaries)} of ${canaries} canaries in time`, inTime >= 0.999 * canaries],
    ['Every message is found again in S3', checked + incomplete, compared, differences + incomplete === 0],
    ['A month costs at most 90 USD', 1, `${usd.toFixed(2)} USD`, usd <= 90],
  ];
  return rows.map(([criterion, of, figure, met]) =>
    of > 0 ? { criterion, figure, met } : { criterion, figure: 'no data' },
  );
}

/** A sentence or a table. The page draws a bar for each number, and alone has the tables that are `pageOnly`. */
export type Part = string | { caption: string; head: readonly string[]; cells: readonly Cells[]; pageOnly?: boolean };
type Cells = readonly (string | number)[];

function partsOf(report: MonthReport): Part[] {
  const { instance, month, to, isOver, damaged, all, days, queues, cost } = report;
  const notes = [
    `${instance}, ${month}.`,
    !isOver && `The month is not over: figures until ${timeText(to)} (UTC), fixed costs of the whole month.`,
    damaged > 0 && `${counted(damaged, 'record')} could not be read.`,
  ];
  const named = Object.entries({ ...queues, all });
  return [
    notes.filter(Boolean).join(' '),
    {
      caption: 'Success criteria of the plan',
      head: ['CRITERION', 'FIGURE', 'MET'],
      cells: report.criteria.map((one) => [one.criterion, one.figure, metText(one)]),
    },
    {
      caption: 'Queues',
      head: ['QUEUE', ...END_HEAD, 'FAILED', 'WAITED'],
      cells: named.map(([name, { waited, ...of }]) => [name, ...endsOf(of), failedText(of), waited]),
    },
    {
      caption: 'Times in seconds',
      head: ['SECONDS', ...timeHead('FINISH'), ...timeHead('ACCEPT')],
      cells: named.map(([name, { finish, accept }]) => [
        name,
        ...[finish, accept].flatMap((times) => PARTS.map((part) => (times.jobs > 0 ? times[part] / 1000 : ''))),
      ]),
    },
    `Dead by error code: ${countsText(all.codes)}.`,
    `Succeeded without a part: ${countsText(report.without)}.`,
    `Mails: ${report.mails} single, ${report.chunks} chunks of campaigns. SendGrid reported ${counted(report.mailEvents, 'event')}.`,
    `Analytics: ${counted(report.accepted, 'event')} accepted, ${report.rejected} rejected.`,
    { caption: 'Cost, estimated from counts', head: ['SERVICE', 'USD'], cells: Object.entries(cost) },
    {
      caption: 'Jobs by day of acceptance',
      head: ['DAY', ...END_HEAD, 'CANARIES IN TIME'],
      cells: days.map((of) => [of.day, ...endsOf(of), of.canaries > 0 ? percent(of.inTime, of.canaries) : '']),
      pageOnly: true,
    },
  ];
}

const countsText = (counts: Record<string, number>): string => {
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return sorted.map(([name, jobs]) => `${name} ${jobs}`).join(', ') || 'none';
};

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
  return [{ caption: 'Side by side', head: ['FIGURE', ...names], cells }];
}

const PARTS = ['p50', 'p95', 'p99'] as const;
const timeHead = (time: string) => PARTS.map((part) => `${time} ${part.toUpperCase()}`);
const END_HEAD = ENDS.map((end) => end.toUpperCase());

type Ends = Record<(typeof ENDS)[number], number>;
const endsOf = (of: Ends): number[] => ENDS.map((end) => of[end]);
const failedText = ({ succeeded, dead }: Ends): string => (succeeded + dead > 0 ? percent(dead, succeeded + dead) : '');
const metText = ({ met }: Criterion): string => (met === undefined ? 'unknown' : met ? 'yes' : 'NO');
const figureText = (one: Criterion | undefined): string => (one ? `${one.figure} (${metText(one)})` : '');
const cellTexts = (cells: Cells): string[] =>
  cells.map((cell) => (typeof cell === 'number' ? String(Number(cell.toFixed(3))) : cell));

/** One HTML page that loads nothing. */
export const page = (title: string, parts: readonly Part[]): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${CSS}</style></head>
<body><main><h1>${escaped(title)}</h1>
${parts.map((part) => (typeof part === 'string' ? `<p>${escaped(part)}</p>` : table(part))).join('\n')}
</main></body></html>
`;

const CSS = `:root { color-scheme: light dark; font: 15px/1.5 system-ui }
body { margin: 1rem auto; max-width: 70rem; padding: 0 1rem; background: Canvas; color: CanvasText }
div { overflow-x: auto } table { border-collapse: collapse }
th, td { text-align: left; padding: 0.2rem 0.7rem; border-bottom: 1px solid GrayText }
td[style] { min-width: 6rem; background: linear-gradient(to right, light-dark(#b7d4ff, #234a80) var(--part), transparent 0) }`;

const escaped = (text: string): string => text.replace(/[&<>"]/g, (mark) => `&#${mark.charCodeAt(0)};`);

/** The bars of a table have one scale. */
function table({ caption, head, cells }: Exclude<Part, string>): string {
  const highest = Math.max(...cells.flat().map((cell) => Number(cell) || 0));
  const rows = cells.map((row) => {
    const [first = '', ...texts] = cellTexts(row).map(escaped);
    const others = texts.map((text, at) => {
      const value = row[at + 1];
      const bar = typeof value === 'number' ? ` style="--part: ${(100 * value) / (highest || 1)}%"` : '';
      return `<td${bar}>${text}</td>`;
    });
    return `<tr><th scope="row">${first}</th>${others.join('')}</tr>`;
  });
  const columns = head.map((name) => `<th scope="col">${escaped(name)}</th>`);
  return `<h2>${escaped(caption)}</h2>
<div tabindex="0" role="region" aria-label="${escaped(caption)}"><table><thead><tr>${columns.join('')}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`;
}
