import { parseCanaryEvery } from './canary';
import { type Context, parseContext } from './context';
import type { MonitoredFunction } from './function-alarms';
import type { MonitoringSettings } from './monitoring';
import { parseQueueTable, type QueueRow } from './queue-table';
import { checkThresholds, type FunctionBlock } from './rules';
import { parseThresholds } from './thresholds';

/** What Serverless passes to a function that a variable of serverless.yml names. */
export interface Variables {
  resolveConfigurationProperty(path: string[]): Promise<unknown>;
  resolveVariable(variable: string): Promise<unknown>;
}

export interface Configuration {
  rows: QueueRow[];
  context: Context;
}

/** The table of queues and the context. Throws ConfigurationProblems. */
export async function readConfiguration(variables: Variables): Promise<Configuration> {
  const { resolveConfigurationProperty, resolveVariable } = variables;
  const param = (name: string) => resolveVariable(`param:${name}`);
  const context = parseContext({
    service: await resolveConfigurationProperty(['service']),
    stage: await resolveVariable('sls:stage'),
    instance: await param('instance'),
    bucket: await param('bucket'),
    prefix: await param('prefix'),
    retain: await param('retain'),
  });
  return { context, rows: parseQueueTable(await resolveConfigurationProperty(['custom', 'queues'])) };
}

/** A parameter of the stage as text. */
export const readParam = async ({ resolveVariable }: Variables, name: string): Promise<string> =>
  String(await resolveVariable(`param:${name}`));

/**
 * The parts of the workers' function blocks that the rules need. Reading a whole block would never end, because the
 * block's permissions come from this module too.
 */
export async function readFunctionBlocks(
  { resolveConfigurationProperty: property }: Variables,
  rows: QueueRow[],
): Promise<Record<string, FunctionBlock | undefined>> {
  const blocks: Record<string, FunctionBlock | undefined> = {};
  for (const { name } of rows) {
    if ((await property(['functions', name, 'handler'])) === undefined) continue;
    blocks[name] = {
      timeout: await property(['functions', name, 'timeout']),
      events: await property(['functions', name, 'events']),
    };
  }
  return blocks;
}

/** The settings of alarms and dashboard. Throws ConfigurationProblems. */
export async function readMonitoring(variables: Variables, rows: QueueRow[]): Promise<MonitoringSettings> {
  const { resolveConfigurationProperty: property, resolveVariable } = variables;
  const thresholds = parseThresholds(await property(['custom', 'alarms']));
  checkThresholds(rows, thresholds, (await readParam(variables, 'retryWaits')).split(',').map(Number));
  return {
    thresholds,
    functions: monitored(await property(['functions']), rows),
    canaryMinutes: parseCanaryEvery(await resolveVariable('param:canaryEvery')),
    runbook: await readParam(variables, 'runbookUrl'),
    alarmEmail: await readParam(variables, 'alarmEmail'),
  };
}

interface Block {
  name: string;
  timeout: unknown;
  reservedConcurrency?: unknown;
}

const monitored = (functions: unknown, rows: QueueRow[]): MonitoredFunction[] =>
  Object.entries(functions as Record<string, Block>).map(([key, { name, timeout, reservedConcurrency }]) => ({
    key,
    name,
    timeout: Number(timeout),
    worker: rows.some((row) => row.name === key),
    reserved: reservedConcurrency !== undefined,
  }));
