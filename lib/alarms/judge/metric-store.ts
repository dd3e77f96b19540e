import type { Value } from './math';

export interface MetricName {
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
}

export interface Window {
  /** Milliseconds since 1970. The window includes `from` and excludes `to`. */
  from: number;
  to: number;
}

/** The metrics of this machine, as CloudWatch would keep them. */
export interface MetricStore {
  put(metric: MetricName, value: number, at: number): void;
  /** A statistic over a window; `undefined` if the window has no data. */
  read(metric: MetricName, statistic: string, window: Window): Value;
  /** Forgets the data before this time. */
  forget(before: number): void;
}

export function createMetricStore(): MetricStore {
  const series = new Map<string, { at: number; value: number }[]>();

  return {
    put(metric, value, at) {
      const key = keyOf(metric);
      const points = series.get(key) ?? [];
      points.push({ at, value });
      series.set(key, points);
    },
    read(metric, statistic, { from, to }) {
      const points = series.get(keyOf(metric)) ?? [];
      const values = points.filter(({ at }) => at >= from && at < to).map(({ value }) => value);
      return values.length === 0 ? undefined : statisticOf(statistic, values);
    },
    forget(before) {
      for (const [key, points] of series)
        series.set(
          key,
          points.filter(({ at }) => at >= before),
        );
    },
  };
}

const keyOf = ({ namespace, name, dimensions }: MetricName): string =>
  JSON.stringify([namespace, name, Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1))]);

function statisticOf(statistic: string, values: number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  switch (statistic) {
    case 'Sum':
      return sum;
    case 'SampleCount':
      return values.length;
    case 'Average':
      return sum / values.length;
    case 'Maximum':
      return Math.max(...values);
    default:
      throw new Error(`the statistic ${statistic} is not supported here`);
  }
}
