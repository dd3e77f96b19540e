import { environmentSchemas } from '../lib/config/functions';
import type { QueueRow } from '../lib/instances/queue-row';
import { commonVariables, environmentOf } from '../lib/instances/variables';
import { instanceOf, SERVICE, type Variables } from './configuration';

/** `provider.stage`. Serverless resolves it first, so a wrong file or parameter is reported once, here. */
export const stage = async (variables: Variables): Promise<string> => instanceOf(variables).stage;

/** The instance's name, region and settings, for serverless.yml. */
export const instance = async (variables: Variables): Promise<object> => {
  const { name, region, tags, settings } = instanceOf(variables);
  return { ...settings, name, region, tags: { instance: name, stage: settings.stage, service: SERVICE, ...tags } };
};

/** The rows of all queues. The plugin removes the functions of queues that the instance does not use. */
export const queues = async (variables: Variables): Promise<Record<string, QueueRow>> => instanceOf(variables).known;

/** The environment by function, and under `common` what all functions read. */
export const environment = async (variables: Variables): Promise<Record<string, Record<string, string>>> => {
  const of = instanceOf(variables);
  const each = Object.keys(environmentSchemas).map((key) => [key, environmentOf(of, key)] as const);
  return { common: { ...commonVariables(of), POWERTOOLS_SERVICE_NAME: SERVICE }, ...Object.fromEntries(each) };
};
