import { dlqName, functionName, queueName, undeliveredName } from '../lib/engine/jobs/keys';
import { type AlarmKind, alarmName, KINDS, runbookOf } from '../lib/operate/alarms/kinds';
import type { QueueRow } from './instances/file';
import type { Instance } from './instances/instance';
import { inParts, pascal } from './template';

/**
 * An alarm of CloudWatch. It goes off when `datapoints` of the last `periods` (by default 1 of 1, or all) reach the
 * threshold, or are below it.
 */
export interface Alarm {
  kind: AlarmKind;
  subject?: string;
  /** Which of several alarms of its kind and subject, from 2 on. */
  part?: number;
  /** The `expression` names them by their keys, or is a query. Two or more metrics need one. Percentiles need another property. */
  metrics: Record<string, Metric<'Sum' | 'Average' | 'Maximum'>>;
  expression?: string;
  threshold: number;
  below?: boolean;
  /** Seconds. */
  period: number;
  periods?: number;
  datapoints?: number;
  /**
   * What missing data means. `notBreaching`: the metric is written only when something happens. `ignore`: it is always
   * written, so the alarm keeps its state until data returns. `breaching`: it is a sign of life.
   */
  silence: 'notBreaching' | 'ignore' | 'breaching';
}

type Metrics = Alarm['metrics'];
type Rest = Omit<Alarm, 'kind' | 'metrics'>;
const alarm = (kind: AlarmKind, metrics: Metrics, rest: Rest): Alarm => ({ kind, metrics, ...rest });

/**
 * The alarms of one queue. None uses `NumberOfMessagesSent`, which does not count messages that a redrive policy moves
 * to a DLQ. A DLQ's depth also counts messages in flight, because the reconciler receives entries while it checks them.
 */
export function queueAlarms(
  { name, type, alarms: limit }: QueueRow,
  { name: instance, canaryEvery }: Pick<Instance, 'name' | 'canaryEvery'>,
): Alarm[] {
  const own = ownMetrics(instance, { queue: name });
  const dlq = sqsMetrics(dlqName(instance, name, type));
  const age = sqsMetrics(queueName(instance, name, type))('ApproximateAgeOfOldestMessage', 'Maximum');
  const entries: Metrics = {
    visible: dlq('ApproximateNumberOfMessagesVisible', 'Maximum'),
    inFlight: dlq('ApproximateNumberOfMessagesNotVisible', 'Maximum'),
  };
  const ends: Metrics = { succeeded: own('JobsSucceeded', 'Sum'), dead: own('JobsDead', 'Sum') };
  // With only a few jobs, one failure would be a high rate. Those failures are facts, one for each error code.
  const rate = `IF(succeeded + dead >= ${limit.errorRateJobs}, 100 * dead / (succeeded + dead), 0)`;
  const held: Metrics = { held: own('OldestHeld', 'Maximum') };
  const finish: Metrics = { finish: own('TimeToFinish', 'Average') };
  const canary = { threshold: 1, below: true, period: canaryEvery * 60, periods: 3, datapoints: limit.canary };
  const quiet = 'notBreaching';
  const depth = { expression: 'visible + inFlight', threshold: limit.dlqDepth };
  const alarms = [
    alarm('dlq-depth', entries, { ...depth, period: 60, silence: 'ignore' }),
    alarm('oldest-message', { age }, { threshold: limit.age, period: 60, periods: 5, silence: quiet }),
    alarm('oldest-held', held, { threshold: limit.held * 1000, period: 60, periods: 3, silence: 'ignore' }),
    alarm('error-rate', ends, { expression: rate, threshold: limit.errorRate, period: 900, silence: quiet }),
    alarm('jobs-slow', finish, { threshold: limit.finish * 1000, period: 300, periods: 3, silence: quiet }),
    // The reconciler measures canaries. If it stops, its own alarm goes off.
    ...(canaryEvery > 0
      ? [alarm('canary-late', { done: own('Canary', 'Average') }, { ...canary, silence: 'ignore' })]
      : []),
  ];
  return alarms.map((one) => ({ ...one, subject: name }));
}

/** Of fewer, one phone with a fault may send five percent. */
const FEW_EVENTS = 1_000;

export function instanceAlarms(
  { name: instance, events, analytics }: Pick<Instance, 'name' | 'events' | 'analytics'>,
  functions: string[],
) {
  const own = ownMetrics(instance);
  const taken: Metrics = { rejected: own('EventsRejected', 'Sum'), accepted: own('EventsAccepted', 'Sum') };
  const rejected = `IF(rejected + accepted >= ${FEW_EVENTS}, 100 * rejected / (rejected + accepted), 0)`;
  // If the alarms function fails or is throttled, its messages end in the queue of undelivered alarms.
  const watched = functions.filter((key) => key !== 'alarms');
  // Its reserved concurrency is small on purpose, and SendGrid tries again.
  const throttled = watched.filter((key) => key !== 'emailEvents');
  const visibleIn = (queue: string): Metrics => ({
    visible: sqsMetrics(queue)('ApproximateNumberOfMessagesVisible', 'Maximum'),
  });
  const missing: Rest = { threshold: 1, below: true, period: 60, periods: 5, silence: 'breaching' };
  const any: Rest = { threshold: 1, period: 300, silence: 'notBreaching' };
  const ofFunctions = functionAlarms(instance);
  return [
    // Longer than the 15 minutes between two runs of a function, so one that always fails does not seem to recover.
    ...ofFunctions('function-errors', 'Errors', watched).map((one) => ({ ...one, periods: 4, datapoints: 1 })),
    // Lambda tries again what it throttled. A minute of it is over before an operator looks.
    ...ofFunctions('function-throttles', 'Throttles', throttled).map((one) => ({
      ...one,
      ...{ period: 60, periods: 5, datapoints: 3 },
    })),
    alarm('reconciler-missing', { runs: own('ReconcilerRuns', 'Sum') }, missing),
    alarm('alarms-not-sent', { facts: own('AlarmsNotSent', 'Maximum') }, { ...any, period: 60, periods: 5 }),
    alarm('illegal-transition', { count: own('IllegalTransitions', 'Sum') }, any),
    alarm('access-denied', { count: own('AccessDenied', 'Sum') }, any),
    alarm('bug', {}, { ...any, expression: bugsOf(instance) }),
    ...(functions.includes('analytics')
      ? [
          alarm('events-rejected', taken, {
            ...any,
            expression: rejected,
            threshold: analytics.rejected ?? 5,
            period: 900,
          }),
        ]
      : []),
    // These queues are mostly idle, and SQS sends no metrics for a queue that is idle for some hours.
    alarm('alarms-undelivered', visibleIn(undeliveredName(instance)), { threshold: 1, period: 60, silence: 'ignore' }),
    ...(events.webhook
      ? [alarm('webhook-undelivered', visibleIn(`${instance}-webhook-undelivered`), { ...any, silence: 'ignore' })]
      : []),
  ];
}

/** CloudWatch notifies of each code and class, and names them (`AlarmContributorAttributes`). Without ORDER BY it does not. */
const bugsOf = (instance: string): string =>
  `SELECT SUM(Bugs) FROM SCHEMA("${instance}", code, error) GROUP BY code, error ORDER BY SUM() DESC`;

/** An expression takes so many. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html */
const METRICS = 10;

/** One for each ten functions. It goes off when any of them counts at least one in five minutes. */
const functionAlarms =
  (instance: string) =>
  (kind: AlarmKind, metric: string, functions: string[]): Alarm[] =>
    inParts(functions, METRICS).map((some, index) => {
      const metrics = some.map((key) => [key, lambdaMetrics(functionName(instance, key))(metric, 'Sum')] as const);
      const expression = some.map((key) => `FILL(${key}, 0)`).join(' + ');
      const rest: Rest = { expression, threshold: 1, period: 300, silence: 'notBreaching' };
      return alarm(kind, Object.fromEntries(metrics), { ...rest, ...(index > 0 && { part: index + 1 }) });
    });

export const TOPIC_ID = 'AlarmTopic';
export const UNDELIVERED_TOPIC_ID = 'UndeliveredAlarmTopic';

/** The alarm about the alarms function notifies the second topic. */
export const topicOf = ({ kind }: Alarm): string => (kind === 'alarms-undelivered' ? UNDELIVERED_TOPIC_ID : TOPIC_ID);

export function alarmResource(alarm: Alarm, { instance, runbook }: { instance: string; runbook: string }) {
  const { kind, subject = '', part, threshold, below, periods = 1, datapoints = periods, silence } = alarm;
  const actions = [{ Ref: topicOf(alarm) }];
  return {
    [`${pascal(subject)}${pascal(kind)}${part ?? ''}Alarm`]: {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        AlarmName: alarmName(instance, kind, subject, part),
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
      { Id: 'result', Expression: expression, Label: 'result', ReturnData: true, ...(!only && { Period: period }) },
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

export type MetricsOf = <S extends string>(name: string, statistic: S) => Metric<S>;

const metricsOf =
  (namespace: string, dimensions: Record<string, string>): MetricsOf =>
  (name, statistic) => ({ namespace, name, dimensions, statistic });
export const sqsMetrics = (queue: string): MetricsOf => metricsOf('AWS/SQS', { QueueName: queue });
export const lambdaMetrics = (name: string): MetricsOf => metricsOf('AWS/Lambda', { FunctionName: name });
export const ownMetrics = (instance: string, dimensions = {}): MetricsOf => metricsOf(instance, dimensions);
