import { chunkSizeOf } from '../../../lib/emails/campaigns/campaign';
import { metricsOf } from '../../support/dashboard-metrics';
import type { Calls, Counts } from './count';
import { PRICES } from './prices';

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

export function billedOf(resources: Parameters<typeof metricsOf>[0], instance: string): Billed {
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
    dashboards: Object.values(resources).filter(({ Type }) => Type === 'AWS::CloudWatch::Dashboard').length,
    hours: { gb: MemorySize / 1024, everyMinutes: Number(/\d+/.exec(ScheduleExpression)?.[0]) },
  };
}
