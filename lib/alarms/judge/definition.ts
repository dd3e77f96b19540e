import { alarmName, KINDS, runbookOf } from '../kinds';
import type { AlarmSpec } from '../specs/spec';
import type { MetricName } from './metric-store';

/** An alarm as CloudWatch knows it. */
export interface AlarmDefinition {
  name: string;
  description: string;
  /** By the id that the expression uses. */
  metrics: Record<string, MetricName & { statistic: string }>;
  expression: string;
  threshold: number;
  comparison: keyof typeof BREACHES;
  /** In seconds. */
  period: number;
  periods: number;
  datapoints: number;
  silence: 'breaching' | 'notBreaching' | 'ignore' | 'missing';
}

/** Whether a value breaches the threshold. */
export const BREACHES = {
  GreaterThanOrEqualToThreshold: (value: number, threshold: number) => value >= threshold,
  GreaterThanThreshold: (value: number, threshold: number) => value > threshold,
  LessThanThreshold: (value: number, threshold: number) => value < threshold,
  LessThanOrEqualToThreshold: (value: number, threshold: number) => value <= threshold,
} as const;

/** The definition of one of our alarms. The template says the same to CloudWatch (resources/alarm.ts). */
export function definitionOf(spec: AlarmSpec, { instance, runbook }: { instance: string; runbook: string }) {
  const { kind, subject = '', metrics, expression, threshold, below, period, periods = 1, silence } = spec;
  const definition: AlarmDefinition = {
    name: alarmName(instance, kind, subject),
    description: descriptionOf(spec, runbook),
    metrics,
    expression: expression ?? Object.keys(metrics)[0] ?? '',
    comparison: below ? 'LessThanThreshold' : 'GreaterThanOrEqualToThreshold',
    datapoints: spec.datapoints ?? periods,
    ...{ threshold, period, periods, silence },
  };
  return definition;
}

export const descriptionOf = ({ kind }: Pick<AlarmSpec, 'kind'>, runbook: string): string =>
  `${KINDS[kind].means} Runbook: ${runbookOf(kind, runbook)}`;
