import { type AlarmKind, alarmName, KINDS, runbookOf } from '../lib/alarms/kinds';
import type { Context } from './context';
import { alarmId, TOPIC_ID } from './logical-id';
import type { Metric } from './metric';
import { type Fragment, tags } from './template';

/** Percentiles would need another property of the alarm. */
type Statistic = 'Sum' | 'Average' | 'Maximum' | 'SampleCount';

export interface AlarmSpec {
  kind: AlarmKind;
  /** The name of the queue, function or vendor. */
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
  /** CloudWatch looks at this many periods. Default: 1. */
  periods?: number;
  /** The alarm goes off when this many of them breach. Default: all. */
  datapoints?: number;
  /**
   * How CloudWatch treats missing data. `notBreaching`: the metric is written only when something happens. `ignore`: the
   * metric is always written, so the alarm keeps its state until data returns. `breaching`: the metric is a sign of life.
   */
  silence: 'notBreaching' | 'ignore' | 'breaching';
  /** Logical id of the topic that CloudWatch notifies. */
  topic?: string;
}

/** Goes off when the metric counts at least one in five minutes. */
export const onOccurrence = (kind: AlarmKind, count: Metric<'Sum'>): AlarmSpec => ({
  kind,
  metrics: { count },
  threshold: 1,
  period: 300,
  silence: 'notBreaching',
});

/** A CloudWatch alarm that notifies its topic when it goes off and when it is over. */
export function alarm(spec: AlarmSpec, context: Context & { runbook: string }): Fragment['Resources'] {
  const {
    kind,
    subject = '',
    threshold,
    below,
    period,
    periods = 1,
    datapoints = periods,
    silence,
    topic = TOPIC_ID,
  } = spec;
  const actions = [{ Ref: topic }];
  return {
    [alarmId(kind, subject)]: {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        AlarmName: alarmName(context.instance, kind, subject),
        AlarmDescription: `${KINDS[kind].means} Runbook: ${runbookOf(kind, context.runbook)}`,
        ...measured(spec),
        ComparisonOperator: below ? 'LessThanThreshold' : 'GreaterThanOrEqualToThreshold',
        Threshold: threshold,
        EvaluationPeriods: periods,
        DatapointsToAlarm: datapoints,
        ...(spec.expression ? {} : { Period: period }),
        TreatMissingData: silence,
        AlarmActions: actions,
        OKActions: actions,
        Tags: tags(context),
      },
    },
  };
}

function measured({ metrics, expression, period }: AlarmSpec): Record<string, unknown> {
  const entries = Object.entries(metrics);
  const [first] = entries;
  if (!expression) return first ? { ...nameOf(first[1]), Statistic: first[1].statistic } : {};
  return {
    Metrics: [
      { Id: 'result', Expression: expression, Label: 'result', ReturnData: true },
      ...entries.map(([Id, metric]) => ({
        Id,
        MetricStat: { Metric: nameOf(metric), Period: period, Stat: metric.statistic },
        ReturnData: false,
      })),
    ],
  };
}

const nameOf = ({ namespace, name, dimensions }: Metric) => ({
  Namespace: namespace,
  MetricName: name,
  ...(Object.keys(dimensions).length > 0 && {
    Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
  }),
});
