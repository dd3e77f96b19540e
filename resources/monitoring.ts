import { alarmName } from '../lib/alarms/kinds';
import { alarm } from './alarm';
import { canaryAlarm, parseCanaryEvery } from './canary';
import type { Context, Fragment } from './context';
import { dashboardResources } from './dashboard';
import { functionAlarms, type MonitoredFunction } from './function-alarms';
import type { Variables } from './index';
import { instanceAlarms } from './instance-alarms';
import { queueAlarms } from './queue-alarms';
import type { QueueRow } from './queue-table';
import { checkThresholds, parseThresholds } from './thresholds';
import { topicResources } from './topic';

/** Topic, alarms and dashboard, from the table of queues, the functions and the stage's thresholds. */
export async function monitoring(
  { resolveConfigurationProperty: property, resolveVariable }: Variables,
  { rows, context }: { rows: QueueRow[]; context: Context },
): Promise<Fragment> {
  const param = async (name: string) => String(await resolveVariable(`param:${name}`));
  const thresholds = parseThresholds(await property(['custom', 'alarms']));
  checkThresholds(rows, thresholds, (await param('retryWaits')).split(',').map(Number));
  const functions = monitored(await property(['functions']), rows);
  const minutes = parseCanaryEvery(await resolveVariable('param:canaryEvery'));
  const canaries = minutes === 0 ? [] : rows;
  const specs = [
    ...rows.flatMap((row) =>
      queueAlarms(row, { instance: context.instance, stage: thresholds, canaries: canaries.includes(row) }),
    ),
    ...canaries.map((row) => canaryAlarm(row, { instance: context.instance, stage: thresholds, minutes })),
    ...functions.flatMap(functionAlarms),
    ...instanceAlarms(
      context.instance,
      rows.map(({ name }) => name),
    ),
  ];
  const runbook = await param('runbookUrl');
  const topic = topicResources(context, await param('alarmEmail'));
  const alarms = specs.map((spec) => alarm(spec, { ...context, runbook }));
  const dashboard = dashboardResources(context, {
    rows,
    canaries,
    alarmNames: specs.map(({ kind, subject }) => alarmName(context.instance, kind, subject)),
  });
  return {
    ...topic,
    Resources: Object.assign(topic.Resources, ...alarms, dashboard.Resources),
    Outputs: { ...topic.Outputs, ...dashboard.Outputs },
  };
}

interface Block {
  name: string;
  timeout: unknown;
  reservedConcurrency?: unknown;
}

/** The functions as their alarms need them. */
const monitored = (functions: unknown, rows: QueueRow[]): MonitoredFunction[] =>
  Object.entries(functions as Record<string, Block>).map(([key, { name, timeout, reservedConcurrency }]) => ({
    key,
    name,
    timeout: Number(timeout),
    worker: rows.some((row) => row.name === key),
    reserved: reservedConcurrency !== undefined,
  }));
