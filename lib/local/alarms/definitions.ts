import * as z from 'zod';
import { type AlarmDefinition, BREACHES } from '../../alarms/judge/definition';
import type { MetricName } from '../../alarms/judge/metric-store';
import type { Resolve, Resource } from '../template/intrinsics';

/** An alarm as the template declares it. */
export interface DeclaredAlarm extends AlarmDefinition {
  /** ARNs of topics. */
  alarmActions: string[];
  okActions: string[];
}

const metric = z.object({
  Namespace: z.string(),
  MetricName: z.string(),
  Dimensions: z.array(z.object({ Name: z.string(), Value: z.string() })).default([]),
});

const properties = z.object({
  AlarmName: z.string(),
  AlarmDescription: z.string().default(''),
  ComparisonOperator: z.enum(Object.keys(BREACHES) as (keyof typeof BREACHES)[]),
  Threshold: z.number(),
  EvaluationPeriods: z.number().int(),
  DatapointsToAlarm: z.number().int().optional(),
  TreatMissingData: z.enum(['breaching', 'notBreaching', 'ignore', 'missing']).default('missing'),
  AlarmActions: z.array(z.string()).default([]),
  OKActions: z.array(z.string()).default([]),
  Period: z.number().optional(),
  Statistic: z.string().optional(),
  Metrics: z
    .array(
      z.object({
        Id: z.string(),
        Expression: z.string().optional(),
        MetricStat: z.object({ Metric: metric, Period: z.number(), Stat: z.string() }).optional(),
      }),
    )
    .optional(),
});

/** The alarms of a template, in its order. Throws on an alarm that this machine cannot watch as CloudWatch would. */
export function alarmDefinitions(resources: Record<string, Resource>, resolve: Resolve): DeclaredAlarm[] {
  return Object.values(resources)
    .filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm')
    .map(({ Properties }) => definition(resolve(Properties)));
}

function definition(resolved: unknown): DeclaredAlarm {
  const alarm = properties.parse(resolved);
  const { metrics, expression, period } = alarm.Metrics ? ofMath(alarm.Metrics) : ofOne(alarm, resolved);
  return {
    name: alarm.AlarmName,
    description: alarm.AlarmDescription,
    ...{ metrics, expression, period },
    threshold: alarm.Threshold,
    comparison: alarm.ComparisonOperator,
    periods: alarm.EvaluationPeriods,
    datapoints: alarm.DatapointsToAlarm ?? alarm.EvaluationPeriods,
    silence: alarm.TreatMissingData,
    alarmActions: alarm.AlarmActions,
    okActions: alarm.OKActions,
  };
}

type Measured = Pick<AlarmDefinition, 'metrics' | 'expression' | 'period'>;
type Properties = z.infer<typeof properties>;

function ofOne({ Statistic = '', Period = 0 }: Properties, resolved: unknown): Measured {
  const metrics = { value: { ...nameOf(metric.parse(resolved)), statistic: Statistic } };
  return { metrics, expression: 'value', period: Period };
}

function ofMath(queries: NonNullable<Properties['Metrics']>): Measured {
  const [expression, ...more] = queries.flatMap(({ Expression }) => Expression ?? []);
  const stats = queries.flatMap(({ Id, MetricStat }) => (MetricStat ? [{ Id, ...MetricStat }] : []));
  const [period, ...others] = new Set(stats.map(({ Period }) => Period));
  if (expression === undefined || more.length > 0 || period === undefined || others.length > 0)
    throw new Error('an alarm must have one expression over metrics of one period');
  const metrics = stats.map(({ Id, Metric, Stat }) => [Id, { ...nameOf(Metric), statistic: Stat }] as const);
  return { metrics: Object.fromEntries(metrics), expression, period };
}

const nameOf = ({ Namespace, MetricName, Dimensions }: z.infer<typeof metric>): MetricName => ({
  namespace: Namespace,
  name: MetricName,
  dimensions: Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value])),
});
