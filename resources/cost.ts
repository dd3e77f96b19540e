import { readFileSync } from 'node:fs';
import { chunkSizeOf } from '../lib/queues/emails/campaigns/campaign';

/** List prices of us-east-1 in USD, without free tiers, as published in November 2025. */
export const PRICES = {
  /** https://aws.amazon.com/dynamodb/pricing/on-demand/ */
  writeUnit: 0.625e-6,
  readUnit: 0.125e-6,
  /** https://aws.amazon.com/s3/pricing/ */
  s3Put: 5e-6,
  s3Get: 0.4e-6,
  /** FIFO. https://aws.amazon.com/sqs/pricing/ */
  sqsRequest: 0.5e-6,
  /** On arm64. https://aws.amazon.com/lambda/pricing/ */
  lambdaRequest: 0.2e-6,
  lambdaGbSecond: 13.3334e-6,
  /** https://aws.amazon.com/cloudwatch/pricing/ */
  alarmMetric: 0.1,
  metric: 0.3,
  dashboard: 3,
  logGb: 0.5,
} as const;

/**
 * What a function used, or one outside of Lambda: the API, or its trackers of events. `readUnits` and `writeUnits` are the
 * table's, and calls of ports are `{port}.{method}`.
 */
export type Used = Record<string, number>;
export type UsedBy = Record<string, Used>;

/** What users do in a month. `mails` are single ones, and `recipients` those of campaigns. */
export type Month = Record<'feedback' | 'mails' | 'recipients' | 'events' | 'testflight', number>;

/** A month of the beta as it was played: what it used, and the part that it had used without any traffic. */
export interface PlayedMonth {
  traffic: Month;
  used: UsedBy;
  idle: UsedBy;
}

export const PLAYED = 'resources/cost.json';
export const playedMonth = (): PlayedMonth => JSON.parse(readFileSync(PLAYED, 'utf8')) as PlayedMonth;

/** What the played month cannot show. */
export const ASSUMED = {
  /** Processes of the API that track events one at a time, and how long each packs a message. */
  trackers: 2,
  packSeconds: 15,
  /** A message is full with this many events of 350 bytes. Shards split then, so that messages are half full. */
  mostEventsPerMessage: 2_600 / 2,
  /** The function that writes hours of events has this much memory, as in serverless.yml, and CPU time for an event. */
  hoursGb: 1769 / 1024,
  hoursEventSeconds: 27e-6,
  /** SendGrid's rate decides how many recipients a chunk has. */
  emailRate: 100,
  /** At the beta's traffic, so many posts of SendGrid are due in the time that one collects. More mails make longer posts. */
  duePosts: 0.1,
  /** Lambda asks an idle queue five times in 20 seconds. */
  pollsPerMinute: 15,
} as const;

const MINUTES = 30 * 24 * 60;
const QUEUES = 4;
/** The played month tells chunks of campaigns from single mails. */
const WORKERS = ['feedback', 'emails', 'chunks', 'testflight', 'analytics'];
const GB = 1024 ** 3;

/** A tracker sends an event and what follows it for some seconds (`npm run bench -- analytics-packing` measures it). */
export function eventsPerMessage(eventsAMonth: number): number {
  const following = (eventsAMonth / (MINUTES * 60) / ASSUMED.trackers) * ASSUMED.packSeconds;
  return Math.min(1 + following, ASSUMED.mostEventsPerMessage);
}

/** How many times as much as in the played month each function does for its traffic. */
function timesOf(month: Month, { traffic, used }: PlayedMonth): (name: string) => number {
  const times = (of: (month: Month) => number) => of(month) / Math.max(1, of(traffic));
  const chunks = times(({ recipients }) => recipients);
  const messages = times(({ events }) => events / eventsPerMessage(events));
  const jobs = times((of) => of.feedback + of.testflight + of.mails + of.recipients / chunkSizeOf(ASSUMED.emailRate));
  const posts = (part: number) => 1 - Math.exp(-ASSUMED.duePosts * part);
  // The nightly check reads each object: the originals of events, and the records.
  const originals = (used.tracker?.['queues.sendBatch'] ?? 0) / (used.verify?.['objects.get'] ?? 1);
  const known: Record<string, number> = {
    feedback: times(({ feedback }) => feedback),
    emails: times(({ mails }) => mails),
    ...{ chunks, reconciler: chunks },
    'email-events': posts(times(({ mails, recipients }) => mails + recipients)) / posts(1),
    testflight: times(({ testflight }) => testflight),
    ...{ analytics: messages, tracker: messages, hours: messages },
    verify: originals * messages + (1 - originals) * jobs,
  };
  return (name) => known[name] ?? jobs;
}

/** What a month with this traffic uses: what an idle one does, and what the played one did for its traffic. */
export function usedIn(played: PlayedMonth, month: Month): UsedBy {
  const { used, idle } = played;
  const times = timesOf(month, played);
  return Object.fromEntries(
    Object.entries(used).map(([name, all]) => [name, grown(idle[name] ?? {}, all, times(name))]),
  );
}

/** What it uses without traffic, and so many times what traffic adds. */
const grown = (idle: Used, all: Used, times: number): Used =>
  Object.fromEntries(
    Object.entries(all).map(([what, n]) => {
      const without = idle[what] ?? 0;
      return [what, without + times * Math.max(0, n - without)];
    }),
  );

/** A month's bill in USD by service, for what was used and these events. `billed`: what the template has. */
export function billOf(used: UsedBy, events: number, billed: Billed): Record<string, number> {
  const all = Object.values(used);
  const of = (which: RegExp): number => all.reduce((sum, one) => sum + sumOf(one, (what) => which.test(what)), 0);
  const worked = WORKERS.reduce((sum, name) => sum + (used[name]?.invocations ?? 0), 0);
  const gbSeconds = of(/^gbSeconds$/) + events * ASSUMED.hoursEventSeconds * ASSUMED.hoursGb;
  return {
    DynamoDB: of(/^writeUnits$/) * PRICES.writeUnit + of(/^readUnits$/) * PRICES.readUnit,
    // S3 bills a list as a put.
    S3: of(/^objects\.(put|create|replace|list)/) * PRICES.s3Put + of(/^objects\.(get|read|size)/) * PRICES.s3Get,
    // Lambda receives and deletes each message, and asks for more.
    SQS: (of(/^queues\./) + 2 * worked + MINUTES * ASSUMED.pollsPerMinute * QUEUES) * PRICES.sqsRequest,
    Lambda: of(/^invocations$/) * PRICES.lambdaRequest + gbSeconds * PRICES.lambdaGbSecond,
    'CloudWatch logs': (of(/^logBytes$/) / GB) * PRICES.logGb,
    'CloudWatch alarms': billed.alarmMetrics * PRICES.alarmMetric,
    'CloudWatch metrics': billed.metrics * PRICES.metric,
    'CloudWatch dashboard': billed.dashboards * PRICES.dashboard,
  };
}

/** The bill of a month with this traffic, for an instance with four queues. */
export const bill = (month: Month, billed: Billed, played = playedMonth()): Record<string, number> =>
  billOf(usedIn(played, month), month.events, billed);

export const sumOf = (counts: Record<string, number>, which = (_name: string) => true): number =>
  Object.entries(counts).reduce((sum, [name, count]) => sum + (which(name) ? count : 0), 0);

/** What a template says about the bill: metrics in alarms, our own metrics, dashboards. */
export type Billed = ReturnType<typeof billedOf>;

export function billedOf(resources: Resources, instance: string) {
  const { inAlarms, inDashboard } = metricsOf(resources);
  const own = [...inAlarms, ...inDashboard].filter(([namespace]) => namespace === instance);
  return {
    alarmMetrics: inAlarms.length,
    metrics: new Set(own.map((metric) => metric.join())).size,
    dashboards: ofType(resources, 'AWS::CloudWatch::Dashboard').length,
  };
}

type Resources = Record<string, { Type: string; Properties?: unknown }>;

const ofType = (resources: Resources, type: string) =>
  Object.values(resources).flatMap(({ Type, Properties }) => (Type === type ? [Properties] : []));

/** The metrics that alarms and dashboards read, each as a graph names it: namespace, name, then pairs of dimensions. */
export function metricsOf(resources: Resources): Record<'inAlarms' | 'inDashboard', string[][]> {
  const alarms = ofType(resources, 'AWS::CloudWatch::Alarm') as (Named & {
    Metrics?: { MetricStat?: { Metric: Named } }[];
  })[];
  const named = alarms.flatMap((one) => one.Metrics?.flatMap(({ MetricStat }) => MetricStat?.Metric ?? []) ?? [one]);
  const inAlarms = named.map(({ Namespace, MetricName, Dimensions = [] }) => [
    ...[Namespace, MetricName],
    ...Dimensions.flatMap(({ Name, Value }) => [Name, Value]),
  ]);
  const dashboards = ofType(resources, 'AWS::CloudWatch::Dashboard') as { DashboardBody: { 'Fn::Sub': string } }[];
  const widgets = dashboards.flatMap(({ DashboardBody }) => JSON.parse(DashboardBody['Fn::Sub']).widgets as Widget[]);
  // A line of a graph ends with its options.
  const linesOf = ({ properties: { metrics = [] } }: Widget) => metrics.map((line) => line.slice(0, -1).map(String));
  return { inAlarms, inDashboard: widgets.flatMap(linesOf) };
}

interface Named {
  Namespace: string;
  MetricName: string;
  Dimensions?: { Name: string; Value: string }[];
}

interface Widget {
  properties: { metrics?: unknown[][] };
}
