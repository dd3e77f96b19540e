import { jsonOf } from './fakes/server';

interface Metric {
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
}

/** The metrics of this machine, as the console reads them from CloudWatch. */
export interface LocalMetrics {
  put(metric: Metric, value: number): void;
  /** Takes the metrics of a function's log, which are in CloudWatch's embedded metric format. Ignores other lines. */
  takeLog(lines: readonly string[]): void;
  /** The values of a window, which includes `from` and excludes `to`. Times are ms since 1970. */
  read(metric: Metric, window: { from: number; to: number }): number[];
}

/** A line that `lib/log.ts` writes. */
interface MetricLine {
  _aws?: { CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }[] };
  [member: string]: unknown;
}

const MOST_POINTS = 10_000;

export function createMetrics(): LocalMetrics {
  const series = new Map<string, { at: number; value: number }[]>();
  const keyOf = ({ namespace, name, dimensions }: Metric) =>
    JSON.stringify([namespace, name, Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1))]);

  function put(metric: Metric, value: number): void {
    const key = keyOf(metric);
    series.set(key, [...(series.get(key) ?? []).slice(-MOST_POINTS), { at: Date.now(), value }]);
  }

  return {
    put,
    takeLog(lines) {
      for (const line of lines.map((text) => (jsonOf(text) ?? {}) as MetricLine))
        for (const { Namespace: namespace, Dimensions, Metrics } of line._aws?.CloudWatchMetrics ?? [])
          for (const names of Dimensions)
            for (const { Name: name } of Metrics) {
              const dimensions = Object.fromEntries(names.map((each) => [each, String(line[each])]));
              for (const value of [line[name]].flat()) put({ namespace, name, dimensions }, Number(value));
            }
    },
    read: (metric, { from, to }) =>
      (series.get(keyOf(metric)) ?? []).filter(({ at }) => at >= from && at < to).map(({ value }) => value),
  };
}
