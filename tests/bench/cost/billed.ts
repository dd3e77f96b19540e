import { metricsOf } from '../../support/dashboard-metrics';

/** What a compiled template says about the bill: metrics in alarms, metrics of our own, dashboards, the hours function. */
export interface Billed {
  alarmMetrics: number;
  metrics: number;
  dashboards: number;
  /** The size of the function that writes hours of events, and the minutes between its runs. */
  hours: { gb: number; everyMinutes: number };
}

export function billedOf(resources: Parameters<typeof metricsOf>[0], instance: string): Billed {
  const { inAlarms, inDashboard } = metricsOf(resources);
  const ofHours = Object.entries(resources)
    .filter(([id]) => id.startsWith('Hours'))
    .map(([, { Properties }]) => Properties);
  const { MemorySize = 0, ScheduleExpression = '' } = Object.assign({}, ...ofHours) as {
    MemorySize?: number;
    ScheduleExpression?: string;
  };
  const own = [...inAlarms, ...inDashboard].filter(({ namespace }) => namespace === instance);
  return {
    alarmMetrics: inAlarms.length,
    metrics: new Set(own.map(({ name, dimensions }) => JSON.stringify([name, dimensions]))).size,
    dashboards: Object.values(resources).filter(({ Type }) => Type === 'AWS::CloudWatch::Dashboard').length,
    hours: { gb: MemorySize / 1024, everyMinutes: Number(/\d+/.exec(ScheduleExpression)?.[0]) },
  };
}
