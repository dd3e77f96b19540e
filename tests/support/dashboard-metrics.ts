import * as z from 'zod';

const dimensions = z.array(z.object({ Name: z.string(), Value: z.string() })).default([]);
const metric = z.object({ Namespace: z.string(), MetricName: z.string(), Dimensions: dimensions });
const math = z.object({ Metrics: z.array(z.object({ MetricStat: z.object({ Metric: metric }).optional() })) });
const dashboard = z.object({ DashboardBody: z.object({ 'Fn::Sub': z.string() }) });
const widgets = z.object({
  widgets: z.array(z.object({ properties: z.object({ metrics: z.array(z.array(z.unknown())).default([]) }) })),
});

export interface UsedMetric {
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
}

export function metricsOf(resources: Record<string, { Type: string; Properties?: unknown }>): {
  inAlarms: UsedMetric[];
  inDashboard: UsedMetric[];
} {
  const ofType = (type: string) =>
    Object.values(resources).flatMap(({ Type, Properties }) => (Type === type ? [Properties] : []));
  const named = ({ Namespace, MetricName, Dimensions }: z.infer<typeof metric>): UsedMetric => ({
    namespace: Namespace,
    name: MetricName,
    dimensions: Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value])),
  });
  const inAlarms = ofType('AWS::CloudWatch::Alarm').flatMap((properties) => {
    const { data } = math.safeParse(properties);
    return data
      ? data.Metrics.flatMap(({ MetricStat }) => (MetricStat ? [named(MetricStat.Metric)] : []))
      : [named(metric.parse(properties))];
  });
  const inDashboard = ofType('AWS::CloudWatch::Dashboard').flatMap((properties) =>
    widgets
      .parse(JSON.parse(dashboard.parse(properties).DashboardBody['Fn::Sub']))
      .widgets.flatMap(({ properties: { metrics } }) => metrics.map(ofLine)),
  );
  return { inAlarms, inDashboard };
}

/** A line of a graph is namespace, name, pairs of dimensions, and options. */
function ofLine([namespace, name, ...rest]: unknown[]): UsedMetric {
  const pairs = rest.slice(0, -1).map(String);
  const entries = pairs.flatMap((key, at) => (at % 2 === 0 ? [[key, pairs[at + 1] ?? '']] : []));
  return { namespace: String(namespace), name: String(name), dimensions: Object.fromEntries(entries) };
}
