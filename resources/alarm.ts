import { type AlarmKind, alarmName, KINDS, runbookOf } from '../lib/alarms/kinds';
import { type Context, type Fragment, tags } from './context';
import { alarmId } from './logical-id';

/** One metric of CloudWatch with its statistic. */
export interface Metric {
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
  statistic: 'Sum' | 'Average' | 'Maximum' | 'SampleCount';
}

export interface AlarmSpec {
  kind: AlarmKind;
  /** The queue, function or vendor that it is about. */
  subject?: string;
  /** Several of them need an `expression`, which calls them by their keys. */
  metrics: Record<string, Metric>;
  /** CloudWatch metric math, e.g. `visible + inFlight`. */
  expression?: string;
  threshold: number;
  /** Rings where the value is under the threshold instead of at or above it. */
  below?: boolean;
  /** Seconds. */
  period: number;
  /** Periods in a row … */
  periods?: number;
  /** … or so many of them. */
  datapoints?: number;
  /**
   * What silence means: `notBreaching` where a metric is only written when something happens, `ignore` for what is
   * written all the time (the state stays until something is known again), `breaching` for a sign of life.
   */
  silence: 'notBreaching' | 'ignore' | 'breaching';
  /** Logical id of the topic that is told. */
  topic: string;
}

/** A CloudWatch alarm that tells its topic when it begins to ring and when it stops. */
export function alarm(spec: AlarmSpec, context: Context & { runbook: string }): Fragment['Resources'] {
  const { kind, subject = '', threshold, below, period, periods = 1, datapoints = periods, silence, topic } = spec;
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
