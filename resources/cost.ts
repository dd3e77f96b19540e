import { readFileSync } from 'node:fs';
import { chunkSizeOf } from '../lib/emails/campaigns/campaign';
import type { Metric } from './alarms';

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
  /** Of durable functions, as published when they began in December 2025. Not checked against a bill. */
  durableOperation: 8e-6,
  /** https://aws.amazon.com/cloudwatch/pricing/ */
  alarmMetric: 0.1,
  metric: 0.3,
  dashboard: 3,
  logGb: 0.5,
} as const;

/** How often each port was called, by `{port}.{method}`. */
export type Calls = Record<string, number>;
export type Counts = Record<Job | 'accept' | 'reconciler' | 'nextFeedback', Calls>;

/** The calls that `npm run cost:count` counted. */
export const COUNTS = 'resources/cost.json';
export const storedCounts = (): Counts => JSON.parse(readFileSync(COUNTS, 'utf8')) as Counts;

export interface Month {
  feedback: number;
  /** Recipients of campaigns. */
  emails: number;
  events: number;
  testflight: number;
}

/** What no test can count. `seconds`: how long a worker runs for a job, most of which it waits for vendors. */
export const ASSUMED = {
  emailRate: 100,
  eventsPerMessage: 100,
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
  /** A run of the function that writes hours of events, cold starts included, and its time for an event. */
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

/** A month's bill in USD by service. `billed`: what the compiled template of an instance with four queues has. */
export function bill(counts: Counts, month: Month, billed: Billed): Record<string, number> {
  const jobs: Record<Job, number> = {
    feedback: month.feedback,
    chunk: month.emails / chunkSizeOf(ASSUMED.emailRate),
    testflight: month.testflight,
    analytics: month.events / ASSUMED.eventsPerMessage,
    canary: (MINUTES / CANARY_MINUTES) * QUEUES,
  };
  const kinds = Object.keys(jobs) as Job[];
  // The reconciler accepts the chunks of a campaign as it releases them.
  const accepted = jobs.feedback + jobs.testflight + jobs.chunk;
  const webhooks = (month.emails * ASSUMED.eventsPerMail) / ASSUMED.eventsPerRequest;
  const each = (price: (calls: Calls) => number): number =>
    kinds.reduce((sum, kind) => sum + jobs[kind] * price(counts[kind]), 0) +
    accepted * price(counts.accept) +
    MINUTES * price(counts.reconciler);
  const all = kinds.reduce((sum, kind) => sum + jobs[kind], 0);
  const of = (calls: Calls, name: string) => calls[name] ?? 0;
  const total = (calls: Calls) => Object.values(calls).reduce((sum, count) => sum + count, 0);
  const workers = kinds.reduce((sum, kind) => sum + jobs[kind] * ASSUMED.seconds[kind] * 0.5, 0);
  const hoursRuns = MINUTES / billed.hours.everyMinutes;
  const hours = (hoursRuns * ASSUMED.hoursRunSeconds + month.events * ASSUMED.hoursEventSeconds) * billed.hours.gb;
  const reconciler = MINUTES * total(counts.reconciler) * ASSUMED.callSeconds;
  const messages = kinds.reduce((sum, kind) => sum + (kind === 'canary' ? 0 : jobs[kind]), 0) - accepted;
  return {
    DynamoDB: each(
      (calls) =>
        (of(calls, 'table.put') + of(calls, 'table.update')) * ASSUMED.unitsPerWrite * PRICES.writeUnit +
        (of(calls, 'table.get') + (of(calls, 'table.due') + of(calls, 'table.count')) / 2) * PRICES.readUnit,
    ),
    S3:
      each(
        (calls) =>
          (of(calls, 'objects.create') + of(calls, 'objects.put')) * PRICES.s3Put +
          of(calls, 'objects.get') * PRICES.s3Get,
      ) +
      // S3 bills a list as a put. The hours function reads each original once and writes an object an hour.
      (webhooks + hoursRuns * ASSUMED.hoursListsPerRun + MINUTES / 60) * PRICES.s3Put +
      jobs.analytics * PRICES.s3Get,
    SQS:
      // Lambda receives and deletes each message. Chunks and events are sent one by one too.
      (each((calls) => of(calls, 'queues.send') + of(calls, 'queues.depth')) +
        messages +
        2 * all +
        MINUTES * ASSUMED.pollsPerMinute * QUEUES) *
      PRICES.sqsRequest,
    Lambda:
      (all + MINUTES + hoursRuns + webhooks) * PRICES.lambdaRequest +
      (workers + reconciler + hours + webhooks * 0.05) * PRICES.lambdaGbSecond,
    'CloudWatch logs': ((all + MINUTES) * ASSUMED.logKbPerJob * PRICES.logGb) / GB,
    'CloudWatch alarms': billed.alarmMetrics * PRICES.alarmMetric,
    'CloudWatch metrics': billed.metrics * PRICES.metric,
    'CloudWatch dashboard': billed.dashboards * PRICES.dashboard,
  };
}

export const monitoringOf = (costs: Record<string, number>): number =>
  sumOf(
    Object.fromEntries(Object.entries(costs).filter(([service]) => /^CloudWatch (alarms|metrics|dash)/.test(service))),
  );

export const sumOf = (costs: Record<string, number>): number =>
  Object.values(costs).reduce((sum, cost) => sum + cost, 0);

/** What a compiled template says about the bill: metrics in alarms, our own metrics, dashboards, the hours function. */
export interface Billed {
  alarmMetrics: number;
  metrics: number;
  dashboards: number;
  /** The size of the function that writes hours of events, and the minutes between its runs. */
  hours: { gb: number; everyMinutes: number };
}

export function billedOf(resources: Resources, instance: string): Billed {
  const { inAlarms, inDashboard } = metricsOf(resources);
  const ofHours = Object.entries(resources)
    .filter(([id]) => id.startsWith('Hours'))
    .map(([, { Properties }]) => Properties);
  const { MemorySize = 0, ScheduleExpression = '' } = Object.assign({}, ...ofHours) as {
    MemorySize?: number;
    ScheduleExpression?: string;
  };
  const own = [...inAlarms, ...inDashboard].filter(({ namespace }) => namespace === instance);
  return {
    alarmMetrics: inAlarms.length,
    metrics: new Set(own.map(({ name, dimensions }) => JSON.stringify([name, dimensions]))).size,
    dashboards: ofType(resources, 'AWS::CloudWatch::Dashboard').length,
    // An instance without analytics has no such function.
    hours: {
      gb: MemorySize / 1024,
      everyMinutes: Number(/\d+/.exec(ScheduleExpression)?.[0] ?? Number.POSITIVE_INFINITY),
    },
  };
}

type Resources = Record<string, { Type: string; Properties?: unknown }>;
type UsedMetric = Pick<Metric, 'namespace' | 'name' | 'dimensions'>;

interface Named {
  Namespace: string;
  MetricName: string;
  Dimensions?: { Name: string; Value: string }[];
}

const ofType = (resources: Resources, type: string) =>
  Object.values(resources).flatMap(({ Type, Properties }) => (Type === type ? [Properties as unknown] : []));

/** The metrics that alarms and dashboards read. */
export function metricsOf(resources: Resources): Record<'inAlarms' | 'inDashboard', UsedMetric[]> {
  const alarms = ofType(resources, 'AWS::CloudWatch::Alarm') as (Named & {
    Metrics?: { MetricStat?: { Metric: Named } }[];
  })[];
  const dashboards = ofType(resources, 'AWS::CloudWatch::Dashboard') as { DashboardBody: { 'Fn::Sub': string } }[];
  const named = ({ Namespace: namespace, MetricName: name, Dimensions = [] }: Named): UsedMetric => ({
    ...{ namespace, name },
    dimensions: Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value])),
  });
  const inAlarms = alarms.flatMap(({ Metrics, ...only }) =>
    Metrics ? Metrics.flatMap(({ MetricStat }) => (MetricStat ? [named(MetricStat.Metric)] : [])) : [named(only)],
  );
  const widgets = dashboards.flatMap(({ DashboardBody }) => JSON.parse(DashboardBody['Fn::Sub']).widgets as Widget[]);
  return { inAlarms, inDashboard: widgets.flatMap(({ properties: { metrics = [] } }) => metrics.map(ofLine)) };
}

interface Widget {
  properties: { metrics?: unknown[][] };
}

/** A line of a graph is namespace, name, pairs of dimensions, and options. */
function ofLine([namespace, name, ...rest]: unknown[]): UsedMetric {
  const pairs = rest.slice(0, -1).map(String);
  const entries = pairs.flatMap((key, at) => (at % 2 === 0 ? [[key, pairs[at + 1] ?? '']] : []));
  return { namespace: String(namespace), name: String(name), dimensions: Object.fromEntries(entries) };
}
