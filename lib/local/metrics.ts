import * as z from 'zod';
import type { Invocation } from './lambda/environment';
import type { SqsModel } from './sqs/types';

export interface MetricName {
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
}

/** The metrics of this machine, as the console reads them from CloudWatch. Times are ms since 1970. */
export interface LocalMetrics {
  /** A statistic over a window, which includes `from` and excludes `to`. `undefined`: the window has no data. */
  read(metric: MetricName, statistic: string, window: { from: number; to: number }): number | undefined;
  /** Takes what Lambda measures of an invocation, and the metrics in the function's log. */
  invocation(invocation: Pick<Invocation, 'result' | 'ms' | 'log'>, functionName: string): void;
}

const MOST_POINTS = 10_000;

const emfSchema = z.looseObject({
  _aws: z.object({
    Timestamp: z.number(),
    CloudWatchMetrics: z.array(
      z.object({
        Namespace: z.string(),
        Dimensions: z.array(z.array(z.string())),
        Metrics: z.array(z.object({ Name: z.string() })),
      }),
    ),
  }),
});

export function createMetrics(sqs: Pick<SqsModel, 'messages'>): LocalMetrics {
  const series = new Map<string, { at: number; value: number }[]>();

  function put(metric: MetricName, value: number, at: number): void {
    const key = keyOf(metric);
    const points = series.get(key) ?? [];
    series.set(key, [...points.slice(-MOST_POINTS), { at, value }]);
  }

  /** Takes a line in CloudWatch's embedded metric format. Ignores any other line. */
  function takeLine(line: string): void {
    const { data } = emfSchema.safeParse(line.includes('"_aws"') ? parsed(line) : undefined);
    for (const { Namespace: namespace, Dimensions, Metrics } of data?._aws.CloudWatchMetrics ?? [])
      for (const names of Dimensions)
        for (const { Name: name } of Metrics) {
          const dimensions = Object.fromEntries(names.map((each) => [each, String(data?.[each])]));
          for (const value of [data?.[name]].flat())
            if (typeof value === 'number') put({ namespace, name, dimensions }, value, data?._aws.Timestamp ?? 0);
        }
  }

  /** SQS measures the age of the oldest message every minute. Here it is measured when someone asks. */
  function oldestSeconds(queue: string, { from, to }: { from: number; to: number }): number | undefined {
    const now = Date.now();
    const sent = sqs.messages(queue).map(({ sentAt }) => sentAt);
    return now >= from && now < to && sent.length > 0 ? (now - Math.min(...sent)) / 1000 : undefined;
  }

  return {
    read(metric, statistic, window) {
      if (metric.name === 'ApproximateAgeOfOldestMessage')
        return oldestSeconds(metric.dimensions.QueueName ?? '', window);
      const points = series.get(keyOf(metric)) ?? [];
      const values = points.filter(({ at }) => at >= window.from && at < window.to).map(({ value }) => value);
      return values.length === 0 ? undefined : statisticOf(statistic, values);
    },
    invocation({ ms, log }, functionName) {
      const dimensions = { FunctionName: functionName };
      put({ namespace: 'AWS/Lambda', name: 'Duration', dimensions }, ms, Date.now());
      for (const line of log) takeLine(line);
    },
  };
}

const keyOf = ({ namespace, name, dimensions }: MetricName): string =>
  JSON.stringify([namespace, name, Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1))]);

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function statisticOf(statistic: string, values: number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  if (statistic === 'Sum') return sum;
  if (statistic === 'SampleCount') return values.length;
  if (statistic === 'Average') return sum / values.length;
  throw new Error(`the statistic ${statistic} is not supported here`);
}
