import type { WatchedFunction } from '../lib/alarms/specs/instance';
import { type Choice, chosenInstance } from '../lib/instances/choose';
import { hasFunction } from '../lib/instances/functions';
import type { Instance } from '../lib/instances/instance';
import type { MonitoringSettings } from './monitoring';

/** The service of serverless.yml. */
export const SERVICE = 'background-jobs';

/** What Serverless passes to a function that a variable of serverless.yml names. */
export interface Variables {
  options: Choice;
  resolveConfigurationProperty(path: string[]): Promise<unknown>;
}

let read: Instance | undefined;

/** The instance of this `sls` call, read once. Throws InstanceProblems. */
export function instanceOf({ options }: Variables): Instance {
  const instance = read ?? chosenInstance(options);
  read = instance;
  return instance;
}

/** The function blocks of serverless.yml, with all variables resolved. */
export type Blocks = Record<string, { name: string; timeout: number; reservedConcurrency?: number }>;

/** The settings of alarms and dashboard. */
export function monitoringOf(instance: Instance, functions: Blocks): MonitoringSettings {
  const { notify, canaryEvery = 0 } = instance.settings;
  return {
    functions: watched(functions, instance),
    canaryMinutes: canaryEvery,
    runbook: notify?.runbook ?? '',
    alarmEmail: notify?.email ?? '',
  };
}

const watched = (functions: Blocks, instance: Instance): WatchedFunction[] =>
  Object.entries(functions)
    .filter(([key]) => hasFunction(instance, key))
    .map(([key, { name, reservedConcurrency }]) => ({ key, name, reserved: reservedConcurrency !== undefined }));
