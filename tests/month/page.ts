import { recordFolder } from '../../lib/engine/jobs/keys';
import type { JobRow } from '../../lib/engine/jobs/row';
import { dataPrefix, parquetPrefix, rejectedPrefix } from '../../lib/queues/analytics/keys';
import { chunkSizeOf } from '../../lib/queues/emails/campaigns/campaign';
import { monthFigures } from '../../packages/cli/month-figures';
import { criteriaOf } from '../../packages/cli/report';
import { findings } from '../../packages/verify/check';
import { type Item, parsed, type Snapshot } from '../../packages/verify/snapshot';
import { billOf, type Month, sumOf, type UsedBy } from '../../resources/cost';
import { table as allOf } from '../bench/table';
import { DAY_MS, MINUTE_MS, startOf, type Trouble } from './calendar';
import { BEGIN, type Service } from './service';
import type { Sent } from './traffic';

/** What a play shows. All but `sent` is read from what the service stored, measured, and said in the chat. */
export interface Page {
  days: number;
  sent: Sent;
  jobs: Record<string, QueueFigures>;
  mails: { accepted: number; twice: number; campaigns: Record<string, string> };
  /** What an operator had to do, and how long it took. */
  operators: string[];
  events: { stored: number; rejected: number; perMessage: number; objects: number; hours: number };
  chat: { at: string; title: string; cause: string; needless: boolean }[];
  findings: Record<string, number>;
  /** First those of `sls report`, as it says them. */
  goals: { goal: string; figure: string; met: boolean | undefined }[];
  /** What the days had, and what used how much for it. */
  traffic: Month;
  used: UsedBy;
  objects: Record<string, { count: number; kib: number }>;
  cost: Record<string, number>;
}

interface QueueFigures {
  ends: Record<string, number>;
  without: Record<string, number>;
  /** Seconds from due to finish: of all jobs, and of those that waited for no vendor. */
  all: Times;
  unheld: Times;
}
interface Times {
  average: number;
  p50: number;
  p99: number;
}

const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
const atMost = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;

function timesOf(seconds: readonly number[]): Times {
  const sorted = seconds.toSorted((a, b) => a - b);
  const average = sorted.reduce((sum, one) => sum + one, 0) / Math.max(1, sorted.length);
  return { average, p50: atMost(sorted, 0.5), p99: atMost(sorted, 0.99) };
}

const add = (counts: Record<string, number>, key: string, by = 1): void => {
  counts[key] = (counts[key] ?? 0) + by;
};

type Record_ = Partial<Omit<JobRow, 'time' | 'endedAt'>> & { time: string; endedAt?: string; notBefore?: string };

export function jobsOf(records: readonly Record_[]): QueueFigures {
  const ends: Record<string, number> = {};
  const without: Record<string, number> = {};
  const all: number[] = [];
  const unheld: number[] = [];
  for (const record of records) {
    add(ends, record.state === 'dead' ? `dead (${record.error?.code ?? record.reason})` : String(record.state));
    for (const { what, code } of record.without ?? []) add(without, `${what}: ${code}`);
    if (record.state !== 'succeeded' || record.endedAt === undefined) continue;
    const seconds = (Date.parse(record.endedAt) - Date.parse(record.notBefore ?? record.time)) / 1000;
    all.push(seconds);
    if ((record.holds ?? 0) === 0) unheld.push(seconds);
  }
  return { ends, without, all: timesOf(all), unheld: timesOf(unheld) };
}

/** A month's bill in USD for what these days used, at list prices. */
function costOf({ used, cloudwatch }: Service, days: number): Record<string, number> {
  const month = times(Object.fromEntries(used), 30 / days);
  return billOf(month, (cloudwatch.sum('EventsAccepted') * 30) / days, cloudwatch.billed());
}

/** The same, so many times. */
export const times = (used: UsedBy, factor: number): UsedBy =>
  JSON.parse(JSON.stringify(used), (_, value) => (typeof value === 'number' ? value * factor : value)) as UsedBy;

/** A message of the chat is needless if nothing of the calendar explains it: an operator could do nothing. */
function causeOf(at: number, trouble: readonly Trouble[]): string | undefined {
  const late = 90 * MINUTE_MS;
  return trouble.findLast((one) => {
    const from = BEGIN + startOf(one);
    return at >= from && at <= from + one.minutes * MINUTE_MS + late;
  })?.what;
}

/** Jobs of a vendor that is only slow end in time, so there is nothing to tell. */
const mustBeTold = (one: Trouble, days: number): boolean =>
  one.minutes > 15 && one.slowMs === undefined && startOf(one) < days * DAY_MS;

export async function pageOf(
  service: Service,
  { sent, days, trouble }: { sent: Sent; days: number; trouble: readonly Trouble[] },
): Promise<Page> {
  const { stores, instance, chat, cloudwatch, queueNames, vendors, used } = service;
  const keys = stores.objects.keys();
  const { prefix } = instance;
  const inFolder = (folder: string) => keys.filter((key) => key.startsWith(`${folder}/`));
  const recordsOf = (queue: string) =>
    inFolder(recordFolder(prefix, queue))
      .filter((key) => key.endsWith('.json'))
      .map((key) => parsed(stores.objects.text(key)) as unknown as Record_)
      .filter((record) => record.state !== undefined);
  const records = Object.fromEntries(queueNames.map((queue) => [queue, recordsOf(queue)]));
  const isChunk = ({ parent }: Record_) => parent !== undefined;
  const groups = {
    feedback: records.feedback ?? [],
    emails: (records.emails ?? []).filter((record) => !isChunk(record)),
    chunks: (records.emails ?? []).filter(isChunk),
    testflight: records.testflight ?? [],
    analytics: records.analytics ?? [],
  };
  const jobs = Object.fromEntries(Object.entries(groups).map(([name, all]) => [name, jobsOf(all)]));

  const of = vendors.models.sendgrid.mails.map(({ to, customArgs }) => `${customArgs.job} ${to[0]}`);
  const twice = of.length - new Set(of).size;
  const campaigns = Object.fromEntries(
    (stores.table.items() as Item[])
      .filter(({ key }) => key.startsWith('campaign#'))
      .map((item) => [String(item.name), `${item.status}${item.reason === undefined ? '' : ` (${item.reason})`}`]),
  );

  const found = findings(snapshotOf(service));
  const kinds: Record<string, number> = {};
  for (const { kind } of found) add(kinds, kind);

  const originals = keys.filter((key) => key.startsWith(dataPrefix(prefix))).length;
  const eventsIn = (folder: string) =>
    inFolder(folder.slice(0, -1)).reduce((sum, key) => sum + Number(stores.objects.metadata(key)?.events), 0);
  const [stored, rejected] = [eventsIn(dataPrefix(prefix)), eventsIn(rejectedPrefix(prefix))];
  const told = new Set<string>();
  const shown = chat.map(({ at, title, text }) => {
    const cause = causeOf(at, trouble);
    const again = told.has(`${title} ${cause} ${text}`);
    told.add(`${title} ${cause} ${text}`);
    return { at: iso(at), title, cause: cause ?? text.slice(0, 120), needless: cause === undefined || again };
  });
  const ends = Object.values(groups).flat();
  const accepted = ['feedback', 'emails', 'testflight', 'campaigns'].reduce(
    (sum, what) => sum + (sent.accepted[what] ?? 0),
    0,
  );
  const refused = Object.values(sent.refused).reduce((sum, n) => sum + n, 0);
  const lost = accepted - [...groups.feedback, ...groups.emails, ...groups.testflight].filter(({ id }) => id).length;
  const cost = costOf(service, days);
  const usd = sumOf(cost);
  const figures = await monthFigures(
    { objects: stores.objects, prefix, queueNames, instance: instance.name, monitoring: cloudwatch },
    { from: BEGIN, to: BEGIN + days * DAY_MS, progress: () => {} },
  );
  const reported = criteriaOf({ ...figures, cost, usd, usdPerThousandJobs: (1_000 * usd * days) / 30 / ends.length });
  const share = (part: number, all: number) => (100 * part) / Math.max(1, all);
  const available = 100 - share(refused, accepted + sent.events + refused);
  const needless = shown.filter((one) => one.needless).length;
  const untold = trouble.filter((one) => mustBeTold(one, days) && !shown.some(({ cause }) => cause === one.what));
  const goals = [
    ...reported.map(({ criterion: goal, figure, basis, met }) => ({ goal, figure: `${figure} ${basis ?? ''}`, met })),
    { goal: 'jobs without an end', figure: String(lost), met: lost === 0 },
    { goal: 'mails sent twice', figure: String(twice), met: twice === 0 },
    { goal: 'findings of the verifier', figure: String(found.length), met: found.length === 0 },
    { goal: 'accepted at the first try, %', figure: available.toFixed(3), met: available >= 99.9 },
    { goal: 'messages in the chat', figure: String(shown.length), met: shown.length <= 12 },
    { goal: 'of them needless', figure: String(needless), met: needless === 0 },
    { goal: 'trouble of over 15 minutes not told', figure: String(untold.length), met: untold.length === 0 },
    { goal: 'USD a month', figure: usd.toFixed(2), met: usd <= 28 },
  ];
  return {
    ...{ days, sent, jobs, chat: shown, findings: kinds, goals, cost },
    mails: { accepted: of.length, twice, campaigns },
    operators: trouble.flatMap((one) =>
      one.operator && startOf(one) < days * DAY_MS ? `${one.what}: ${one.operator}` : [],
    ),
    events: {
      ...{ stored, rejected, objects: originals },
      perMessage: stored / Math.max(1, originals),
      hours: keys.filter((key) => key.startsWith(parquetPrefix(prefix)) && key.endsWith('.parquet')).length,
    },
    traffic: {
      ...{ feedback: groups.feedback.length, testflight: groups.testflight.length, events: stored },
      ...{
        mails: groups.emails.length,
        recipients: figures.chunks * chunkSizeOf(Number(instance.sendgrid.rate ?? 100)),
      },
    },
    used: Object.fromEntries(used),
    objects: objectsOf(service),
  };
}

function objectsOf({ stores, instance: { prefix } }: Service): Page['objects'] {
  const folders: Page['objects'] = {};
  for (const key of stores.objects.keys()) {
    const folder = key.slice(prefix.length + 1).split('/')[0] ?? '';
    const found = folders[folder] ?? { count: 0, kib: 0 };
    folders[folder] = { count: found.count + 1, kib: found.kib + stores.objects.bytes(key).length / 1024 };
  }
  return folders;
}

/** Everything that the verifier reads, for all days of the play. */
function snapshotOf({ stores, instance, verifierQueues: queues, now, sqs, vendors }: Service): Snapshot {
  const { prefix } = instance;
  const items = stores.table.items() as Item[];
  const keys = stores.objects.keys();
  const records = keys.filter((key) => queues.some((queue) => key.startsWith(`${prefix}/${queue.records}/year=`)));
  return {
    ...{ prefix, queues, items, from: 0, at: now(), hidden: new Set<string>(), messages: [] },
    known: new Map(items.map((item) => [item.key, item])),
    records: new Map(records.filter((key) => key.endsWith('.json')).map((key) => [key, stores.objects.text(key)])),
    bodies: keys.filter((key) => key.startsWith(`${prefix}/_bodies/`)),
    entries: instance.rows.flatMap(({ name, type }) =>
      sqs
        .messages(`${instance.name}-${name}-dlq${type === 'fifo' ? '.fifo' : ''}`)
        .map(({ messageId, attributes, deadLetterSourceArn }) => ({
          ...{ queue: name, messageId, moved: deadLetterSourceArn !== undefined },
          attributes: Object.fromEntries(
            Object.entries(attributes).map(([key, { StringValue = '' }]) => [key, StringValue]),
          ),
        })),
    ),
    effects: vendors.models.zendesk.tickets.flatMap(({ external_id, id }) =>
      external_id === null ? [] : [{ job: external_id, what: 'ticket', id: String(id) }],
    ),
  };
}

const fixed = (value: number): string => value.toFixed(1);

/** The page as text. Tables without rows are left out. */
export function textOf(page: Page): string {
  const table = (head: string[], rows: string[][]) => (rows.length > 0 ? allOf(head, rows) : '');
  const counts = (of: Record<string, number>) =>
    Object.entries(of)
      .map(([what, n]) => `${n} ${what}`)
      .join(', ') || 'none';
  const times = ({ average, p50, p99 }: Times) => [average, p50, p99].map(fixed).join(' / ');
  const parts = [
    `${page.days < 1 ? `${(24 * page.days).toFixed(2)} hours` : `${page.days} days`}. Sent: ${counts(page.sent.accepted)}, ${page.sent.events} events (${page.sent.repeated} of them twice), ${page.sent.recipients} recipients. Refused: ${counts(page.sent.refused)}.`,
    table(
      ['goal', 'figure', 'met'],
      page.goals.map(({ goal, figure, met }) => [goal, figure, met ? 'yes' : 'NO']),
    ),
    table(
      ['jobs', 'ends', 'without', 'all: average / p50 / p99 s', 'without waits'],
      Object.entries(page.jobs).map(([name, { ends, without, all, unheld }]) => [
        ...[name, counts(ends), counts(without), times(all), times(unheld)],
      ]),
    ),
    table(['campaign', 'end'], Object.entries(page.mails.campaigns)),
    `Events: ${page.events.stored} stored, ${page.events.rejected} rejected, most of them repeats, ${fixed(page.events.perMessage)} in an object of a message, ${page.events.hours} objects of hours.`,
    table(
      ['chat', 'message', 'cause', 'needless'],
      page.chat.map(({ at, title, cause, needless }) => [at, title, cause, needless ? 'YES' : 'no']),
    ),
    `Operators: ${page.operators.join('; ') || 'none'}.`,
    `The verifier: ${counts(page.findings)}.`,
    table(
      ['objects', 'count', 'KiB'],
      Object.entries(page.objects).map(([name, { count, kib }]) => [name, String(count), kib.toFixed(0)]),
    ),
    table(
      ['used by', 'runs', 'GB s', 'read units', 'write units', 'calls of bucket', 'of queues'],
      Object.entries(page.used).map(([name, of]) => [
        ...[name, ...[of.invocations, of.gbSeconds, of.readUnits, of.writeUnits].map((n = 0) => n.toFixed(0))],
        ...['objects', 'queues'].map((port) => sumOf(of, (what) => what.startsWith(port)).toFixed(0)),
      ]),
    ),
    table(
      ['USD a month', ''],
      Object.entries(page.cost).map(([name, usd]) => [name, usd.toFixed(2)]),
    ),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}
