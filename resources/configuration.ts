import { type Choice, chosenInstance } from '../lib/instances/choose';
import type { Instance } from '../lib/instances/instance';

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
