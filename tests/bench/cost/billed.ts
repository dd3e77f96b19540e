import { metricsOf } from '../../support/dashboard-metrics';

/** What CloudWatch bills of a compiled template: metrics in alarms, metrics of our own, dashboards. */
export interface Billed {
  alarmMetrics: number;
  metrics: number;
  dashboards: number;
}

export function billedOf(resources: Parameters<typeof metricsOf>[0], instance: string): Billed {
  const { inAlarms, inDashboard } = metricsOf(resources);
  const own = [...inAlarms, ...inDashboard].filter(({ namespace }) => namespace === instance);
  return {
    alarmMetrics: inAlarms.length,
    metrics: new Set(own.map(({ name, dimensions }) => JSON.stringify([name, dimensions]))).size,
    dashboards: Object.values(resources).filter(({ Type }) => Type === 'AWS::CloudWatch::Dashboard').length,
  };
}
