import type { AlarmKind } from '../kinds';
import type { Metric } from './metric';

/** Percentiles would need another property of the alarm. */
type Statistic = 'Sum' | 'Average' | 'Maximum';

/** One alarm of CloudWatch: what it measures and when it goes off. */
export interface AlarmSpec {
  kind: AlarmKind;
  subject?: string;
  /** The `expression` names them by their keys. Two or more metrics need one. */
  metrics: Record<string, Metric<Statistic>>;
  /** CloudWatch metric math, for example `visible + inFlight`. */
  expression?: string;
  threshold: number;
  /** The alarm goes off below the threshold. Otherwise it goes off at or above it. */
  below?: boolean;
  /** Seconds. */
  period: number;
  /** How many periods are looked at. Default: 1. */
  periods?: number;
  /** The alarm goes off when this many of them breach. Default: all. */
  datapoints?: number;
  /**
   * How missing data is treated. `notBreaching`: the metric is written only when something happens. `ignore`: the
   * metric is always written, so the alarm keeps its state until data returns. `breaching`: the metric is a sign of life.
   */
  silence: 'notBreaching' | 'ignore' | 'breaching';
  /** The alarm is about the alarms function, so it notifies the second topic. */
  second?: true;
}
