import type { GetMetricDataCommandInput, MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import { jsonOf } from '../../lib/text';

interface Metric {
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
}

interface MetricLine {
  _aws?: { CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }[] };
  [member: string]: unknown;
}

const MOST_POINTS = 10_000;

/** The metrics of this machine, as the console reads them from CloudWatch. */
export type LocalMetrics = ReturnType<typeof createMetrics>;

export function createMetrics() {
  const series = new Map<string, { at: number; value: number }[]>();
  const keyOf = ({ namespace, name, dimensions }: Metric) =>
    JSON.stringify([namespace, name, Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1))]);

  function put(metric: Metric, value: number): void {
    const key = keyOf(metric);
    series.set(key, [...(series.get(key) ?? []).slice(-MOST_POINTS), { at: Date.now(), value }]);
  }

  /** Takes the metrics of a function's log, which are in CloudWatch's embedded metric format. Ignores other lines. */
  function takeLog(lines: readonly string[]): void {
    for (const line of lines.map((text) => (jsonOf(text) ?? {}) as MetricLine))
      for (const { Namespace: namespace, Dimensions, Metrics } of line._aws?.CloudWatchMetrics ?? [])
        for (const names of Dimensions)
          for (const { Name: name } of Metrics) {
            const dimensions = Object.fromEntries(names.map((each) => [each, String(line[each])]));
            for (const value of [line[name]].flat()) put({ namespace, name, dimensions }, Number(value));
          }
  }

  /** CloudWatch's GetMetricData. Times are seconds since 1970. */
  function data({ MetricDataQueries = [], StartTime, EndTime }: GetMetricDataCommandInput): object {
    const resultOf = ({ Id, MetricStat }: MetricDataQuery) => {
      const { Metric = {}, Period = 60, Stat = 'Sum' } = MetricStat ?? {};
      const dimensions = Object.fromEntries((Metric.Dimensions ?? []).map(({ Name, Value }) => [Name, Value ?? '']));
      const key = keyOf({ namespace: Metric.Namespace ?? '', name: Metric.MetricName ?? '', dimensions });
      const periods = new Map<number, number[]>();
      for (const { at, value } of series.get(key) ?? []) {
        const period = Math.floor(at / 1000 / Period) * Period;
        if (period + Period > Number(StartTime) && period < Number(EndTime))
          periods.set(period, [...(periods.get(period) ?? []), value]);
      }
      const Values = [...periods.values()].map((values) => statisticOf(Stat, values));
      return { Id, Timestamps: [...periods.keys()], Values, StatusCode: 'Complete' };
    };
    return { MetricDataResults: MetricDataQueries.map(resultOf) };
  }

  return { put, takeLog, data };
}

function statisticOf(statistic: string, values: number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  if (statistic === 'SampleCount') return values.length;
  const percent = Number(/^p(\d+)$/.exec(statistic)?.[1]);
  if (percent) return values.toSorted((a, b) => a - b)[Math.ceil((percent / 100) * values.length) - 1] ?? 0;
  return statistic === 'Average' ? sum / values.length : sum;
}
