import { alarmName, KINDS, runbookOf } from '../lib/alarms/kinds';
import type { Metric } from '../lib/alarms/specs/metric';
import type { AlarmSpec } from '../lib/alarms/specs/spec';
import type { Context } from './context';
import { alarmId, TOPIC_ID, UNDELIVERED_TOPIC_ID } from './logical-id';
import type { Fragment } from './template';

/** Logical id of the topic that an alarm notifies. */
export const topicOf = ({ second }: AlarmSpec): string => (second ? UNDELIVERED_TOPIC_ID : TOPIC_ID);

/** A CloudWatch alarm that notifies its topic when it goes off and when it is over. */
export function alarm(spec: AlarmSpec, context: Context & { runbook: string }): Fragment['Resources'] {
  const { kind, subject = '', threshold, below, period, periods = 1, datapoints = periods, silence } = spec;
  const actions = [{ Ref: topicOf(spec) }];
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
