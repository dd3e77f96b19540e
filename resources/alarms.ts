import { type AlarmKind, alarmName, KINDS, runbookOf } from '../lib/alarms/kinds';
import { dlqName, queueName, undeliveredName } from '../lib/jobs/keys';
import type { QueueRow } from './instances/file';
import { alarmId, type Resource, TOPIC_ID, UNDELIVERED_TOPIC_ID } from './template';

export interface Alarm {
  kind: AlarmKind;
  subject?: string;
  /** The `expression` names them by their keys. Two or more metrics need one. Percentiles need another property. */
  metrics: Record<string, Metric<'Sum' | 'Average' | 'Maximum'>>;
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
   * metric is always written, so the alarm keeps its state until data returns. `breaching`: the metric is a sign of
   * life.
   */
  silence: 'notBreaching' | 'ignore' | 'breaching';
}

export interface WatchedFunction {
  key: string;
  name: string;
  /** It has a reserved concurrency, which is small on purpose. */
  reserved: boolean;
}

/**
 * The alarms of one queue. None uses `NumberOfMessagesSent`, which does not count messages that a redrive policy moves
 * to a DLQ. A DLQ's depth also counts messages in flight, because the reconciler receives entries while it checks them.
 * `canaryMinutes`: the time between two canaries; 0 means none.
 */
export function queueAlarms(
  { name, type, alarms: limit }: Pick<QueueRow, 'name' | 'type' | 'alarms'>,
  { instance, canaryMinutes }: { instance: string; canaryMinutes: number },
): Alarm[] {
  const own = ownMetrics(instance, { queue: name });
  const main = sqsMetrics(queueName(instance, name, type));
  const dlq = sqsMetrics(dlqName(instance, name, type));
  const alarms: Alarm[] = [
    {
      kind: 'dlq-depth',
      metrics: {
        visible: dlq('ApproximateNumberOfMessagesVisible', 'Maximum'),
        inFlight: dlq('ApproximateNumberOfMessagesNotVisible', 'Maximum'),
      },
      expression: 'visible + inFlight',
      threshold: limit.dlqDepth,
      period: 60,
      silence: 'ignore',
    },
    {
      kind: 'oldest-message',
      metrics: { age: main('ApproximateAgeOfOldestMessage', 'Maximum') },
      threshold: limit.age,
      ...{ period: 60, periods: 5, silence: 'notBreaching' },
    },
    {
      kind: 'oldest-held',
      metrics: { held: own('OldestHeld', 'Maximum') },
      threshold: limit.held * 1000,
      ...{ period: 60, periods: 3, silence: 'ignore' },
    },
    {
      kind: 'error-rate',
      metrics: { succeeded: own('JobsSucceeded', 'Sum'), dead: own('JobsDead', 'Sum') },
      // With only a few jobs, one failure would be a high rate. Those failures are facts, one for each error code.
      expression: `IF(succeeded + dead >= ${limit.errorRateJobs}, 100 * dead / (succeeded + dead), 0)`,
      threshold: limit.errorRate,
      ...{ period: 900, silence: 'notBreaching' },
    },
    {
      kind: 'jobs-slow',
      metrics: { finish: own('TimeToFinish', 'Average') },
      threshold: limit.finish * 1000,
      ...{ period: 300, periods: 3, silence: 'notBreaching' },
    },
  ];
  const canary: Alarm = {
    kind: 'canary-late',
    metrics: { done: own('Canary', 'Average') },
    ...{ threshold: 1, below: true, period: canaryMinutes * 60, periods: 3, datapoints: limit.canary },
    // The reconciler measures canaries. If it stops, its own alarm goes off.
    silence: 'ignore',
  };
  return [...alarms, ...(canaryMinutes > 0 ? [canary] : [])].map((alarm) => ({ ...alarm, subject: name }));
}

export function instanceAlarms(instance: string, functions: readonly WatchedFunction[]): Alarm[] {
  const own = ownMetrics(instance);
  // If the alarms function fails or is throttled, its messages end in the queue of undelivered alarms.
  const watched = functions.filter(({ key }) => key !== 'alarms');
  const undelivered = sqsMetrics(undeliveredName(instance))('ApproximateNumberOfMessagesVisible', 'Maximum');
  return [
    ofFunctions('function-errors', 'Errors', watched),
    // A caller that hits a reserved concurrency tries again, so its throttles are normal.
    ofFunctions(
      'function-throttles',
      'Throttles',
      watched.filter(({ reserved }) => !reserved),
    ),
    {
      kind: 'reconciler-missing',
      metrics: { runs: own('ReconcilerRuns', 'Sum') },
      ...{ threshold: 1, below: true, period: 60, periods: 5, silence: 'breaching' },
    },
    {
      kind: 'alarms-not-sent',
      metrics: { facts: own('AlarmsNotSent', 'Maximum') },
      ...{ threshold: 1, period: 60, periods: 5, silence: 'notBreaching' },
    },
    {
      kind: 'illegal-transition',
      metrics: { count: own('IllegalTransitions', 'Sum') },
      ...{ threshold: 1, period: 300, silence: 'notBreaching' },
    },
    {
      kind: 'access-denied',
      metrics: { count: own('AccessDenied', 'Sum') },
      ...{ threshold: 1, period: 300, silence: 'notBreaching' },
    },
    {
      kind: 'alarms-undelivered',
      metrics: { visible: undelivered },
      ...{ threshold: 1, period: 60 },
      // This queue is mostly idle, and SQS sends no metrics for a queue that is idle for some hours.
      silence: 'ignore',
    },
  ];
}

/** Goes off when any of the functions counts at least one in five minutes. An expression takes ten metrics at most. */
const ofFunctions = (kind: AlarmKind, metric: string, functions: readonly WatchedFunction[]): Alarm => ({
  kind,
  metrics: Object.fromEntries(functions.map(({ key, name }) => [key, lambdaMetrics(name)(metric, 'Sum')])),
  expression: functions.map(({ key }) => `FILL(${key}, 0)`).join(' + '),
  ...{ threshold: 1, period: 300, silence: 'notBreaching' },
});

/** The alarm about the alarms function notifies the second topic. */
export const topicOf = ({ kind }: Alarm): string => (kind === 'alarms-undelivered' ? UNDELIVERED_TOPIC_ID : TOPIC_ID);

export function alarmResource(
  alarm: Alarm,
  { instance, runbook }: { instance: string; runbook: string },
): Record<string, Resource> {
  const { kind, subject = '', threshold, below, periods = 1, datapoints = periods, silence } = alarm;
  const actions = [{ Ref: topicOf(alarm) }];
  return {
    [alarmId(kind, subject)]: {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        AlarmName: alarmName(instance, kind, subject),
        AlarmDescription: `${KINDS[kind].meaning} Runbook: ${runbookOf(kind, runbook)}`,
        ...measured(alarm),
        ComparisonOperator: below ? 'LessThanThreshold' : 'GreaterThanOrEqualToThreshold',
        Threshold: threshold,
        EvaluationPeriods: periods,
        DatapointsToAlarm: datapoints,
        TreatMissingData: silence,
        AlarmActions: actions,
        OKActions: actions,
      },
    },
  };
}

function measured({ metrics, expression, period }: Alarm): Record<string, unknown> {
  const [only] = Object.values(metrics);
  if (!expression && only) return { ...nameOf(only), Statistic: only.statistic, Period: period };
  return {
    Metrics: [
      { Id: 'result', Expression: expression, Label: 'result', ReturnData: true },
      ...Object.entries(metrics).map(([Id, metric]) => ({
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

export interface Metric<S extends string = string> {
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
  statistic: S;
}

/** Makes the metrics of one source. */
export type MetricsOf = <S extends string>(name: string, statistic: S) => Metric<S>;

const metricsOf =
  (namespace: string, dimensions: Record<string, string>): MetricsOf =>
  (name, statistic) => ({ namespace, name, dimensions, statistic });
export const sqsMetrics = (queue: string): MetricsOf => metricsOf('AWS/SQS', { QueueName: queue });
export const lambdaMetrics = (name: string): MetricsOf => metricsOf('AWS/Lambda', { FunctionName: name });
/** What our functions write, in the namespace of the instance. */
export const ownMetrics = (instance: string, dimensions = {}): MetricsOf => metricsOf(instance, dimensions);
