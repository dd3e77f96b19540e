import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GetMetricDataCommandInput } from '@aws-sdk/client-cloudwatch';
import { groupBy } from '../../lib/platform/group-by';
import { jsonOf } from '../../lib/platform/text';
import { awsVariables, type Endpoints, vendorVariables } from './connection';
import { createEventSourceMapping, realTimers as timers } from './event-source-mapping';
import { createLambda, type Invocation } from './lambda/runtime';
import type { SqsModel } from './sqs/model';
import type { Declared } from './template/declared';
import { type Packaged, unzip } from './template/package';

export interface Observers {
  onInvocation?: (invocation: Invocation) => void;
  onEvent?: () => void;
}

export type Functions = ReturnType<typeof startFunctions>;

/** Starts the template's functions, and the event source mappings and schedules that invoke them. */
export function startFunctions(
  { sqs, endpoints, onInvocation, onEvent }: Observers & { sqs: SqsModel; endpoints: Endpoints },
  { packaged, declared }: { packaged: Packaged; declared: Declared },
) {
  const directory = mkdtempSync(join(tmpdir(), 'local-service-'));
  for (const { key } of declared.functions) unzip(join(packaged.directory, `${key}.zip`), join(directory, key));

  const metrics = createMetrics();
  const lambda = createLambda({
    functions: declared.functions,
    directory,
    variables: ({ key, environment, schedule }) => ({
      ...awsVariables(endpoints),
      // No emulator checks the key, so it can tell who calls.
      AWS_ACCESS_KEY_ID: key,
      ...vendorVariables(endpoints, environment),
      ...(key === 'reconciler' && schedule && { RECONCILE_EVERY: String(scheduleMs(schedule) / 1000) }),
    }),
    onInvocation: (invocation) => {
      metrics.take(invocation);
      onInvocation?.(invocation);
    },
  });
  const mappings = declared.mappings.map(({ worker, enabled, ...mapping }) => {
    const poller = createEventSourceMapping({
      ...mapping,
      sqs,
      invoke: (event) => lambda.invoke(worker.key, event),
      timers,
      onEvent: () => onEvent?.(),
    });
    if (enabled) poller.start();
    return { ...poller, queue: mapping.queue, functionArn: worker.arn };
  });
  const schedules = declared.functions.flatMap(({ key, schedule }) =>
    schedule ? [startSchedule(scheduleMs(schedule), () => lambda.invoke(key, scheduledEvent()))] : [],
  );
  return {
    lambda,
    mappings,
    metrics,
    async close(): Promise<void> {
      // Start no new runs, then kill those that are running instead of waiting for a slow one.
      const ended = Promise.all([...mappings, ...schedules].map(({ stop }) => stop()));
      await lambda.stop();
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** How long a minute of a schedule takes here, so that a user sees runs without a long wait. */
const SCHEDULE_MINUTE_MS = 2_000;
const MINUTES: Record<string, number> = { minute: 1, hour: 60, day: 1440 };

/** How often a function runs on this machine, ms. A `cron(…)` of the template is always daily. */
export function scheduleMs(expression: string): number {
  const [, count = '1', unit = 'day'] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  return Number(count) * (MINUTES[unit] ?? 0) * SCHEDULE_MINUTE_MS;
}

/** Runs once in each interval, first after one. It leaves out a run while the last one takes longer. */
function startSchedule(intervalMs: number, run: () => Promise<unknown>) {
  let running: Promise<unknown> | undefined;
  const timer = setInterval(() => {
    running ??= run().finally(() => {
      running = undefined;
    });
  }, intervalMs);
  return {
    stop() {
      clearInterval(timer);
      return running;
    },
  };
}

/** The functions read nothing else of an event of EventBridge. */
export const scheduledEvent = (): object => ({ time: new Date().toISOString() });

interface MetricLine {
  _aws?: { CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }[] };
  [member: string]: unknown;
}

const MOST_POINTS = 10_000;

export function createMetrics() {
  const series = new Map<string, { at: number; value: number }[]>();
  const keyOf = (namespace = '', name = '', dimensions: string[][] = []) =>
    [namespace, name, ...dimensions.map((each) => each.join('=')).sort()].join(' ');

  /** Takes the metrics of an invocation's log, in CloudWatch's embedded metric format. */
  function take({ log }: Pick<Invocation, 'log'>): void {
    for (const line of log.map((text) => (jsonOf(text) ?? {}) as MetricLine))
      for (const { Namespace, Dimensions, Metrics } of line._aws?.CloudWatchMetrics ?? [])
        for (const names of Dimensions)
          for (const { Name } of Metrics) {
            const dimensions = names.map((each) => [each, String(line[each])]);
            const key = keyOf(Namespace, Name, dimensions);
            const points = [line[Name]].flat().map((value) => ({ at: Date.now(), value: Number(value) }));
            series.set(key, [...(series.get(key) ?? []), ...points].slice(-MOST_POINTS));
          }
  }

  /** CloudWatch's GetMetricData. Times are seconds since 1970. */
  function data({ MetricDataQueries = [], StartTime, EndTime }: GetMetricDataCommandInput): object {
    const MetricDataResults = MetricDataQueries.map(
      ({ Id, MetricStat: { Metric = {}, Period = 60, Stat = '' } = {} }) => {
        const dimensions = Metric.Dimensions?.map(({ Name = '', Value = '' }) => [Name, Value]);
        const points = series.get(keyOf(Metric.Namespace, Metric.MetricName, dimensions)) ?? [];
        const periods = groupBy(points, ({ at }) => Math.floor(at / 1000 / Period) * Period);
        const asked = [...periods].filter(([at]) => at + Period > Number(StartTime) && at < Number(EndTime));
        return { Id, Timestamps: asked.map(([at]) => at), Values: asked.map(([, of]) => statisticOf(Stat, of)) };
      },
    );
    return { MetricDataResults };
  }

  return { take, data };
}

function statisticOf(statistic: string, points: { value: number }[]): number {
  const values = points.map(({ value }) => value);
  if (statistic === 'SampleCount') return values.length;
  const percent = Number(/^p(\d+)$/.exec(statistic)?.[1]);
  if (percent) return values.toSorted((a, b) => a - b)[Math.ceil((percent / 100) * values.length) - 1] ?? 0;
  return values.reduce((total, value) => total + value, 0);
}
