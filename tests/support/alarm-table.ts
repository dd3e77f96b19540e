import type { CompiledTemplate } from './sls';
import { textTable } from './text-table';

interface Stat {
  Metric: { Namespace: string; MetricName: string; Dimensions?: { Name: string; Value: string }[] };
  Stat: string;
  Period: number;
}

interface Properties {
  AlarmName: string;
  MetricName?: string;
  Namespace?: string;
  Dimensions?: { Name: string; Value: string }[];
  Statistic?: string;
  Period?: number;
  Metrics?: { Id: string; Expression?: string; MetricStat?: Stat }[];
  ComparisonOperator: string;
  Threshold: number;
  EvaluationPeriods: number;
  DatapointsToAlarm: number;
  TreatMissingData: string;
  AlarmActions: { Ref: string }[];
}

/** The alarms of a compiled template as a readable table, one line each, sorted by name. */
export function alarmTable({ Resources }: Pick<CompiledTemplate, 'Resources'>): string {
  const rows = Object.values(Resources)
    .filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm')
    .map(({ Properties }) => row(Properties as unknown as Properties))
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
  return textTable(['Alarm', 'Fires where', 'Periods', 'Silence', 'Tells', 'Measured'], rows);
}

function row(alarm: Properties): string[] {
  const { AlarmName, ComparisonOperator, Threshold, TreatMissingData, AlarmActions } = alarm;
  const { EvaluationPeriods: periods, DatapointsToAlarm: datapoints } = alarm;
  const stats = (alarm.Metrics ?? []).flatMap(({ Id, MetricStat }) => (MetricStat ? [{ Id, ...MetricStat }] : []));
  const period = alarm.Period ?? stats[0]?.Period;
  const measured = alarm.MetricName
    ? stat(alarm.Statistic, alarm.Namespace, alarm.MetricName, alarm.Dimensions)
    : stats
        .map(({ Id, Stat, Metric }) => `${Id}: ${stat(Stat, Metric.Namespace, Metric.MetricName, Metric.Dimensions)}`)
        .join('; ');
  const value = alarm.Metrics?.find(({ Expression }) => Expression)?.Expression ?? 'value';
  return [
    AlarmName,
    `${value} ${ComparisonOperator === 'LessThanThreshold' ? '<' : '>='} ${Threshold}`,
    `${datapoints < periods ? `${datapoints} of ` : ''}${periods} x ${period} s`,
    TreatMissingData,
    AlarmActions.map(({ Ref }) => Ref).join(),
    measured,
  ];
}

const stat = (statistic = '', namespace = '', name = '', dimensions: { Name: string; Value: string }[] = []): string =>
  `${statistic} ${namespace}/${name}{${dimensions.map(({ Value }) => Value).join()}}`;
