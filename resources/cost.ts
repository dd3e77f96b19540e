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

/** How often each port was called, by `{port}.{method}`. */
export type Calls = Record<string, number>;
export type Counts = Record<Job | 'accept' | 'reconciler' | 'nextFeedback', Calls>;

export const COUNTS = 'resources/cost.json';
export const storedCounts = (): Counts => JSON.parse(readFileSync(COUNTS, 'utf8')) as Counts;

export type Month = Record<'feedback' | 'emails' | 'events' | 'testflight', number>;

/** What no test can count. `seconds`: how long a worker runs for a job, most of which it waits for vendors. */
export const ASSUMED = {
  emailRate: 100,
  /** Processes of the API that track events one at a time, and how long each packs a message. */
  trackers: 2,
  packSeconds: 15,
  /** A message is full with this many events of 350 bytes. Shards split then, so that messages are half full. */
  mostEventsPerMessage: 2_600 / 2,
  seconds: { feedback: 1.5, chunk: 2, testflight: 3, analytics: 0.1, canary: 0.1 },
  /** A table or SQS call, and how many the reconciler makes at a time. */
  callSeconds: 0.005,
  /**
   * A row of 2 KB takes two units, and each entry of an index one more: 25 units for seven writes of a row. Other items
   * take less.
   */
  unitsPerWrite: 25 / 7,
  logKbPerJob: 2,
  /** SendGrid reports its events in batches, and each batch is one object. */
  eventsPerMail: 3,
  eventsPerRequest: 30,
  /** The function that writes hours of events, as in serverless.yml. */
  hoursGb: 1769 / 1024,
  hoursEveryMinutes: 15,
  /** A run of that function, cold starts included, and its time for an event. */
  hoursRunSeconds: 1,
  hoursEventSeconds: 27e-6,
  hoursListsPerRun: 3,
  /** Lambda asks an idle queue five times in 20 seconds. */
  pollsPerMinute: 15,
} as const;

const MINUTES = 30 * 24 * 60;
const QUEUES = 4;
const CANARY_MINUTES = 5;
const GB = 1024 * 1024;

type Job = keyof typeof ASSUMED.seconds;

/** A tracker sends an event and what follows it for some seconds (`npm run bench -- analytics-packing` measures it). */
export function eventsPerMessage(eventsAMonth: number): number {
  const following = (eventsAMonth / (MINUTES * 60) / ASSUMED.trackers) * ASSUMED.packSeconds;
  return Math.min(1 + following, ASSUMED.mostEventsPerMessage);
}

/** A month's bill in USD by service. `billed`: what the template of an instance with four queues has. */
export function bill(counts: Counts, month: Month, billed: Billed): Record<string, number> {
  const jobs: Record<Job, number> = {
    feedback: month.feedback,
    chunk: month.emails / chunkSizeOf(ASSUMED.emailRate),
    testflight: month.testflight,
    analytics: month.events / eventsPerMessage(month.events),
    canary: (MINUTES / CANARY_MINUTES) * QUEUES,
  };
  const kinds = Object.keys(jobs) as Job[];
  const all = sumOf(jobs);
  // The reconciler accepts the chunks of a campaign as it releases them.
  const accepted = jobs.feedback + jobs.testflight + jobs.chunk;
  const runs = Object.entries({ ...jobs, accept: accepted, reconciler: MINUTES }) as [keyof Counts, number][];
  const calls = runs.flatMap(([run, times]) =>
    Object.entries(counts[run]).map(([name, n]) => [name, times * n] as const),
  );
  const of = (...names: string[]): number =>
    calls.reduce((sum, [name, count]) => sum + (names.includes(name) ? count : 0), 0);
  const webhooks = (month.emails * ASSUMED.eventsPerMail) / ASSUMED.eventsPerRequest;
  const workers = kinds.reduce((sum, kind) => sum + jobs[kind] * ASSUMED.seconds[kind] * 0.5, 0);
  const hoursRuns = MINUTES / ASSUMED.hoursEveryMinutes;
  const hours = hoursRuns * ASSUMED.hoursRunSeconds + month.events * ASSUMED.hoursEventSeconds;
  const reconciler = MINUTES * sumOf(counts.reconciler) * ASSUMED.callSeconds;
  return {
    DynamoDB:
      of('table.put', 'table.update') * ASSUMED.unitsPerWrite * PRICES.writeUnit +
      (of('table.get') + of('table.due', 'table.count') / 2) * PRICES.readUnit,
    // S3 bills a list as a put. The hours function reads each original once and writes an object an hour.
    S3:
      (of('objects.create', 'objects.put') + webhooks + hoursRuns * ASSUMED.hoursListsPerRun + MINUTES / 60) *
        PRICES.s3Put +
      (of('objects.get') + jobs.analytics) * PRICES.s3Get,
    // Lambda receives and deletes each message. Events are sent one by one too.
    SQS:
      (of('queues.send', 'queues.depth') + jobs.analytics + 2 * all + MINUTES * ASSUMED.pollsPerMinute * QUEUES) *
      PRICES.sqsRequest,
    Lambda:
      (all + MINUTES + hoursRuns + webhooks) * PRICES.lambdaRequest +
      (workers + reconciler + hours * ASSUMED.hoursGb + webhooks * 0.05) * PRICES.lambdaGbSecond,
    'CloudWatch logs': ((all + MINUTES) * ASSUMED.logKbPerJob * PRICES.logGb) / GB,
    'CloudWatch alarms': billed.alarmMetrics * PRICES.alarmMetric,
    'CloudWatch metrics': billed.metrics * PRICES.metric,
    'CloudWatch dashboard': billed.dashboards * PRICES.dashboard,
  };
}

export const sumOf = (costs: Record<string, number>): number =>
  Object.values(costs).reduce((sum, cost) => sum + cost, 0);

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
