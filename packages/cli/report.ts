import { access, constants, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { OperatorError } from '../../lib/operate/ops/operator';
import { mapEach } from '../../lib/platform/concurrency';
import { duration } from '../../lib/platform/duration';
import { counted, isoTimes, timeText } from '../../lib/platform/text';
import { ANALYTICS_QUEUE } from '../../lib/queues/analytics/queue';
import { chunkSizeOf } from '../../lib/queues/emails/campaigns/campaign';
import { EMAILS_QUEUE } from '../../lib/queues/emails/queue';
import { FEEDBACK_QUEUE } from '../../lib/queues/feedback/queue';
import { ASSUMED, type Billed, bill, billedOf, sumOf } from '../../resources/cost';
import { type Command, type CommandContext, JSON_OUTPUT, month as monthOption, readJson, text } from './command';
import { ENDS, type Figures, monthFigures } from './month-figures';
import { tableText } from './terminal';

/** What `sls report --json` prints, with ISO times, and --compare reads. Money is USD. `to`: the end of the figures. */
type MonthReport = OneMonth & { sentence: string; before: OneMonth | undefined };
type OneMonth = NonNullable<Awaited<ReturnType<typeof oneMonth>>>;

interface Money {
  cost: Record<string, number>;
  usd: number;
  usdPerThousandJobs?: number;
}

interface Criterion {
  criterion: string;
  figure: string;
  /** What the figure was measured on. */
  basis?: string;
  /** The figure as a number. Absent like `met`: there are no data. */
  value?: number;
  unit?: string;
  met?: boolean;
}

export const reports = {
  report: {
    usage: "Show a month's jobs, times, availability and cost, and which of the success criteria are met",
    offline: 'compare',
    template: true,
    options: {
      month: { usage: 'Month (UTC), like 2026-01. Default: this month so far', type: 'string' },
      html: { usage: 'File for the report as one HTML page to print, with its JSON beside it', type: 'string' },
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
      const [one, ...others] = made as [MonthReport, ...MonthReport[]];
      const single = others.length === 0 ? one : undefined;
      const parts = single ? partsOf(single) : comparedParts(made);
      const title = made.map(({ brand, month }) => `${brand}, ${monthText(month)}`).join('; ');
      if (html !== undefined) {
        const json = single && html.replace(/(\.html?)?$/, '.json');
        if (json) await writeFile(json, `${JSON.stringify(isoTimes(single), null, 2)}\n`).catch(unwritable(json));
        await writeFile(html, page(title, parts, json && basename(json))).catch(unwritable(html));
      }
      if (options.json) out.json(isoTimes(files ? made : made[0]));
      else
        for (const part of parts)
          if (typeof part === 'string') out.line(part);
          else if (!part.picture) out.lines(['', ...tableText(part.head, part.cells.map(cellTexts)), '']);
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

async function reportOf(context: CommandContext): Promise<MonthReport> {
  const now = Date.now();
  const from = monthOption(context.options, 'month') ?? Date.parse(new Date(now).toISOString().slice(0, 7));
  if (from > now) throw new OperatorError(`--month must not be in the future, is ${monthOf(from)}.`);
  const report = await oneMonth(context, from, now);
  const { instance } = await context.connect();
  if (!report) throw new OperatorError(`${instance} has no records of ${monthOf(from)}, and no metrics.`);
  return { ...report, sentence: sentenceOf(report), before: await oneMonth(context, monthsOn(from, -1), now) };
}

/** The figures of a month, which begins at `from`. `undefined`: it has none. */
async function oneMonth({ out, serverless: { service }, connect }: CommandContext, from: number, now: number) {
  const deps = await connect();
  const { instance } = deps;
  const brand = service.functions.feedback?.environment?.BRAND_NAME ?? instance;
  const end = monthsOn(from, 1);
  const [to, isOver] = [Math.min(end, now), end <= now];
  const figures = await monthFigures(deps, { from, to, progress: out.progress });
  if (figures.records + figures.all.succeeded + figures.all.dead === 0) return undefined;
  const cost = costOf(figures, billedOf(service.resources?.Resources ?? {}, instance));
  const [usd, jobs] = [sumOf(cost), totalOf(figures.all)];
  const money: Money = { cost, usd, ...(jobs > 0 && { usdPerThousandJobs: (1_000 * usd) / jobs }) };
  const criteria = criteriaOf({ ...figures, ...money });
  return { report: 1 as const, instance, brand, month: monthOf(from), to, isOver, criteria, ...money, ...figures };
}

const monthOf = (time: number): string => new Date(time).toISOString().slice(0, 7);
const monthsOn = (from: number, months: number): number =>
  new Date(from).setUTCMonth(new Date(from).getUTCMonth() + months);
const monthText = (month: string): string =>
  new Date(month).toLocaleDateString('en', { month: 'long', year: 'numeric', timeZone: 'UTC' });

/** The month in a sentence, such as `5 of 6 goals met; feedback waited for zendesk on the 14th.` */
function sentenceOf({ criteria, waits: [worst] }: OneMonth): string {
  const known = criteria.filter(({ met }) => met !== undefined);
  const goals = `${known.filter(({ met }) => met).length} of ${known.length} goals met`;
  if (!worst) return `${goals}.`;
  const day = Number(worst.day.slice(8));
  const ending = day > 3 && day < 21 ? 'th' : (['th', 'st', 'nd', 'rd'][day % 10] ?? 'th');
  return `${goals}; ${worst.queue} waited for ${worst.vendor} on the ${day}${ending}.`;
}

/** The bill of the month, with what its fixed parts cost in a whole one. */
function costOf({ queues, all, accepted, rejected, mails, chunks }: Figures, billed: Billed): Record<string, number> {
  const jobs = (name: string) => totalOf(queues[name]);
  const month = {
    feedback: jobs(FEEDBACK_QUEUE),
    mails,
    recipients: chunks * chunkSizeOf(ASSUMED.emailRate),
    events: accepted + rejected,
    testflight: totalOf(all) - jobs(FEEDBACK_QUEUE) - jobs(EMAILS_QUEUE) - jobs(ANALYTICS_QUEUE),
  };
  return bill(month, billed);
}

const totalOf = (ends: Ends | undefined): number => (ends ? ends.succeeded + ends.dead + ends.cancelled : 0);
const percent = (part: number, of: number): string => `${((100 * part) / of).toFixed(2)} %`;
const seconds = (ms: number): string => (ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`);

/** What canaries measure: they call no vendor. */
const AVAILABLE = '99.9 % available: queues and workers, without vendors';
const waitsText = ({ jobs, longest }: Figures['all']['finish'], how: string): string[] =>
  jobs > 0 ? [`${jobs} ${how}, the longest ${duration(Math.round(longest / 1_000))}`] : [];

export function criteriaOf({ all, days, verified, usd, usdPerThousandJobs = 0 }: Figures & Money): Criterion[] {
  const { succeeded, dead, accept, finish, vendorWaits, otherWaits } = all;
  const jobs = succeeded + dead;
  const sum = (name: 'inTime' | 'canaries') => days.reduce((total, day) => total + day[name], 0);
  const [inTime, canaries] = [sum('inTime'), sum('canaries')];
  const { checked, differences, incomplete, days: nights } = verified;
  const waits = [
    ...waitsText(vendorWaits, 'waited for a vendor'),
    ...waitsText(otherWaits, 'waited for an operator or were opened again'),
  ];
  const processing = [`on average over ${counted(finish.jobs, 'job')}`, ...waits].join('; ');
  const share = (part: number, of: number) => (100 * part) / of;
  const overJobs = `over ${counted(accept.jobs, 'job')}`;
  const inCanaries = `of ${canaries} canaries in time`;
  const compared = `of ${checked} differ, ${nights} of ${nights + incomplete} checks finished`;
  const isSound = differences + incomplete === 0;
  const each = `(${usdPerThousandJobs.toFixed(2)} per 1,000 jobs)`;
  const rows: [criterion: string, of: number, value: number, unit: string, basis: string, met: boolean][] = [
    ['The API accepts a job in under 200 ms (p95)', accept.jobs, accept.p95, 'ms', overJobs, accept.p95 < 200],
    ['Processing takes under 30 s on average', finish.jobs, finish.average, 'ms', processing, finish.average < 30_000],
    ['Under 1 % of the jobs fail', jobs, share(dead, jobs), '%', `(${dead} of ${jobs})`, dead < jobs / 100],
    [AVAILABLE, canaries, share(inTime, canaries), '%', inCanaries, inTime >= 0.999 * canaries],
    ['Every message is found again in S3', checked + incomplete, differences, '', compared, isSound],
    ['A month costs at most 90 USD', 1, usd, 'USD', each, usd <= 90],
  ];
  return rows.map(([criterion, of, value, unit, basis, met]) =>
    of > 0 ? { criterion, figure: valueText(value, unit), basis, value, unit, met } : { criterion, figure: 'no data' },
  );
}

const valueText = (value: number, unit: string): string =>
  unit === 'ms' ? seconds(value) : unit === '' ? String(value) : `${value.toFixed(2)} ${unit}`;

/** A sentence or a table. A `picture` is for the page alone. `next`: it begins a sheet of paper. */
export type Part = string | Table;
interface Table {
  caption: string;
  head: readonly string[];
  cells: readonly Cells[];
  picture?: true;
  next?: true;
}
type Cells = readonly (string | number)[];

const MOST_ROWS = 12;

function partsOf(report: MonthReport): Part[] {
  const { instance, month, to, isOver, damaged, days, before } = report;
  const notes = [
    `${instance}, ${month}.`,
    !isOver && `The month is not over: figures until ${timeText(to)} (UTC), fixed costs of the whole month.`,
    damaged > 0 && `${counted(damaged, 'record')} could not be read.`,
  ];
  const months = before ? [report, before] : [report];
  const goals = report.criteria.map((one, at) => {
    return [one.criterion, basedText(one), metText(one), figureText(before?.criteria[at])];
  });
  return [
    report.sentence,
    notes.filter(Boolean).join(' '),
    { caption: 'Success criteria of the plan', head: ['CRITERION', 'FIGURE', 'MET', 'MONTH BEFORE'], cells: goals },
    { caption: 'Figures', head: ['FIGURE', ...months.map((one) => one.month)], cells: figureRows(months) },
    {
      caption: 'Jobs by day of acceptance',
      head: ['DAY', 'JOBS'],
      cells: days.map((of) => [of.day, totalOf(of)]),
      picture: true,
    },
    ...details(report),
  ];
}

function details({ all, queues, waits, acts, without, before, ...money }: MonthReport): Part[] {
  const named = Object.entries({ ...queues, all });
  const times = named.map(([name, { finish, accept }]) => [
    name,
    ...[finish, accept].flatMap((of) => PARTS.map((part) => (of.jobs > 0 ? of[part] / 1000 : ''))),
  ]);
  const ends = named.map(([name, { waited, ...of }]) => [name, ...endsOf(of), failedText(of), waited]);
  const seen = waits.map((of) => [of.day, of.queue, of.vendor, of.jobs, duration(Math.round(of.longest / 1_000))]);
  const did = acts.map(({ day, act, jobs, reason }) => [day, act, jobs, reason]);
  const old: Record<string, number> = before ? { ...before.cost, total: before.usd } : {};
  const costs = Object.entries({ ...money.cost, total: money.usd }).map(([name, usd]) => [
    ...[name, usd, totalOf(all) > 0 ? (1_000 * usd) / totalOf(all) : '', old[name] ?? ''],
  ]);
  return [
    { caption: 'Queues', head: ['QUEUE', ...END_HEAD, 'FAILED', 'WAITED'], cells: ends, next: true },
    { caption: 'Times in seconds', head: ['SECONDS', ...timeHead('FINISH'), ...timeHead('ACCEPT')], cells: times },
    `Dead by error code: ${countsText(all.codes)}.`,
    `Succeeded without a part: ${countsText(without)}.`,
    most('What waited for a vendor', ['DAY', 'QUEUE', 'VENDOR', 'JOBS', 'LONGEST'], seen),
    {
      caption: 'Cost, estimated from counts',
      head: ['SERVICE', 'USD', 'PER 1,000 JOBS', 'MONTH BEFORE'],
      cells: costs,
    },
    most('What operators did, and why', ['DAY', 'ACT', 'JOBS', 'REASON'], did),
  ];
}

/** The first rows of a table, which may be as many as a month has days and queues. */
const most = (caption: string, head: readonly string[], cells: readonly Cells[]): Table => ({
  caption: cells.length > MOST_ROWS ? `${caption}, the first ${MOST_ROWS} of ${cells.length}` : caption,
  head,
  cells: cells.slice(0, MOST_ROWS),
});

const countsText = (counts: Record<string, number>): string => {
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return sorted.map(([name, jobs]) => `${name} ${jobs}`).join(', ') || 'none';
};

const comparedParts = (all: readonly MonthReport[]): Part[] => {
  const names = all.map(({ instance, month, isOver }) => `${instance} ${month}${isOver ? '' : ', not over'}`);
  const criteria = (all[0]?.criteria ?? []).map(({ criterion }, at) => [
    criterion,
    ...all.map((one) => figureText(one.criteria[at])),
  ]);
  return [{ caption: 'Side by side', head: ['FIGURE', ...names], cells: [...criteria, ...figureRows(all)] }];
};

function figureRows(all: readonly OneMonth[]): Cells[] {
  const row = (label: string, of: (report: OneMonth) => string | number) => [label, ...all.map((one) => `${of(one)}`)];
  return [
    ...ENDS.map((end) => row(`Jobs ${end}`, (one) => one.all[end])),
    ...PARTS.map((part) => row(`Time to finish, ${part}`, (one) => seconds(one.all.finish[part]))),
    row('Single mails', ({ mails }) => mails),
    row('Chunks of campaigns', ({ chunks }) => chunks),
    row('Events that SendGrid reported', ({ mailEvents }) => mailEvents),
    row('Events of analytics', ({ accepted }) => accepted),
    row('Events rejected', ({ rejected }) => rejected),
  ];
}

const PARTS = ['p50', 'p95', 'p99'] as const;
const timeHead = (time: string) => PARTS.map((part) => `${time} ${part.toUpperCase()}`);
const END_HEAD = ENDS.map((end) => end.toUpperCase());

type Ends = Record<(typeof ENDS)[number], number>;
const endsOf = (of: Ends): number[] => ENDS.map((end) => of[end]);
const failedText = ({ succeeded, dead }: Ends): string => (succeeded + dead > 0 ? percent(dead, succeeded + dead) : '');
const basedText = ({ figure, basis }: Criterion): string => [figure, basis].filter(Boolean).join(' ');
const metText = ({ met }: Criterion): string => (met === undefined ? 'unknown' : met ? 'yes' : 'NO');
const figureText = (one: Criterion | undefined): string => (one ? `${one.figure} (${metText(one)})` : '');
const cellTexts = (cells: Cells): string[] =>
  cells.map((cell) => (typeof cell === 'number' ? String(Number(cell.toFixed(3))) : cell));

/** One HTML page that loads nothing, on two sheets of A4. The first sentence is its headline. `json`: the file beside it. */
export const page = (title: string, parts: readonly Part[], json?: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${CSS}</style></head>
<body><main><h1>${escaped(title)}</h1>
${parts.map(drawn).join('\n')}
${json ? `<p>The same figures for programs: <a href="${escaped(encodeURIComponent(json))}">${escaped(json)}</a></p>` : ''}
</main></body></html>
`;

const CSS = `:root { color-scheme: light dark; font: 15px/1.5 system-ui; --line: light-dark(#dfe3e8, #343a46) }
body { margin: 1.5rem auto; max-width: 60rem; padding: 0 1rem; background: light-dark(#fff, #15181e); color: light-dark(#16191f, #e8eaef) }
h1 { font-size: 1rem; border-bottom: 2px solid; padding-bottom: 0.4rem } h1 + p { font-size: 1.5rem; font-weight: 600; line-height: 1.3; margin: 0.8rem 0 0.3rem }
h2, figcaption { font-size: 1rem; font-weight: 600; margin: 1.2rem 0 0.3rem } p { margin: 0.3rem 0 } figure { margin: 0 }
div { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.7rem } tr + tr > *, tbody > tr:first-child > * { border-top: 1px solid var(--line) } .num { text-align: right }
thead th { font-size: 0.75rem; font-weight: 400; color: light-dark(#58606d, #9ca5b4) }
.good { color: light-dark(#0b6a3b, #63d193); font-weight: 600 } .bad { color: light-dark(#b0181f, #ff918b); font-weight: 600 } tr:has(.bad) { background: light-dark(#fdebea, #381b1d) }
.good, .bad { white-space: nowrap } .good::before { content: "✓ " / "" } .bad::before { content: "✗ " / "" }
svg { display: block; width: 100%; height: 7rem; fill: light-dark(#4b54d6, #929cff) }
@page { size: A4; margin: 12mm } @media print { :root { color-scheme: light; font-size: 9px; line-height: 1.35 } th, td { padding: 0.15rem 0.6rem } h2, figcaption { margin-top: 0.8rem } h1 + p { font-size: 1.8rem } svg { height: 10rem } body { margin: 0; max-width: none; padding: 0; print-color-adjust: exact } .next { break-before: page } tr, figure { break-inside: avoid } }`;

const escaped = (text: string): string => text.replace(/[&<>"]/g, (mark) => `&#${mark.charCodeAt(0)};`);

const drawn = (part: Part): string =>
  typeof part === 'string' ? `<p>${escaped(part)}</p>` : part.picture ? picture(part) : table(part);

/** A bar for each row of a table with a name and a number. */
function picture({ caption, cells }: Table): string {
  const values = cells.map(([, value]) => Number(value));
  const highest = Math.max(1, ...values);
  const wide = 100 / cells.length;
  const bars = values.map((value, at) => {
    const high = (100 * value) / highest;
    return `<rect x="${at * wide}%" y="${100 - high}%" width="${wide * 0.8}%" height="${high}%"/>`;
  });
  const text = escaped(`${caption}. The most: ${highest} on ${cells[values.indexOf(highest)]?.[0] ?? 'none'}`);
  return `<figure><figcaption>${text}</figcaption><svg role="img" aria-label="${text}">${bars.join('')}</svg></figure>`;
}

const TONES: Record<string, string> = { yes: 'good', NO: 'bad' };

function table({ caption, head, cells, next }: Table): string {
  const rows = cells.map((row) => {
    const [first = '', ...texts] = cellTexts(row).map(escaped);
    const others = texts.map((text, at) => {
      const kind = typeof row[at + 1] === 'number' ? 'num' : (TONES[text] ?? '');
      return `<td class="${kind}">${text}</td>`;
    });
    return `<tr><th scope="row">${first}</th>${others.join('')}</tr>`;
  });
  const columns = head.map((name, at) => {
    const kind = typeof cells[0]?.[at] === 'number' ? ' class="num"' : '';
    return `<th scope="col"${kind}>${escaped(name)}</th>`;
  });
  return `<h2${next ? ' class="next"' : ''}>${escaped(caption)}</h2>
<div tabindex="0" role="region" aria-label="${escaped(caption)}"><table><thead><tr>${columns.join('')}</tr></thead>
<tbody>${rows.join('\n') || '<tr><td>None</td></tr>'}</tbody></table></div>`;
}
