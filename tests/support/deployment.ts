import type { Deployment } from '../../lib/operate/ops/operator';
import type { MetricPoint, MetricQuery } from '../../lib/platform/ports';
import { type Engine, INSTANCE } from './engine';

/** A deployment over an engine in memory. The test sets what CloudWatch shows, and sees which mappings are on. */
export function memoryDeployment({ deps }: Pick<Engine, 'deps'>) {
  const on = new Map<string, boolean>(deps.queueNames.map((queue) => [queue, true]));
  const metrics = new Map<string, MetricPoint[]>();
  const alarms: { name: string; since: number }[] = [];
  const deployment: Deployment = {
    ...deps,
    instance: INSTANCE,
    by: 'arn:aws:iam::123456789012:user/jane',
    publishAlarm: async () => {},
    mappings: { isOn: async (queue) => on.get(queue), set: async (queue, next) => void on.set(queue, next) },
    monitoring: {
      series: async (queries: readonly MetricQuery[]) => queries.map(({ name }) => metrics.get(name) ?? []),
      firing: async () => alarms,
    },
  };
  return { deployment, on, metrics, alarms };
}
