import { readConfiguration, readFunctionBlocks, readMonitoring, readParam, type Variables } from './configuration';
import type { Context } from './context';
import { FUNCTION_NAMES, functionPermissions, PERMISSION_PARAMS } from './function-permissions';
import { jobsTableResources } from './jobs-table';
import { monitoringResources } from './monitoring';
import { ConfigurationProblems } from './problems';
import { producerParameterResources } from './producer-parameter';
import { queueResources } from './queue';
import { settings } from './queue-table';
import { checkFunctions, checkSchedule } from './rules';
import type { Statement } from './statements';
import { type Fragment, merge } from './template';

/** `resources` of serverless.yml. Throws ConfigurationProblems. */
export async function resources(variables: Variables): Promise<Fragment> {
  const configuration = await readConfiguration(variables);
  const { rows, context } = configuration;
  checkFunctions(rows, await readFunctionBlocks(variables, rows));
  checkSchedule(await variables.resolveConfigurationProperty(['functions', 'reconciler', 'events']));
  return merge([
    ...rows.map((row) => queueResources(row, context)),
    jobsTableResources(context),
    monitoringResources(configuration, await readMonitoring(variables, rows)),
    producerParameterResources(rows, context, Number(await readParam(variables, 'emailRate'))),
    exportNames(context),
  ]);
}

/** QUEUES of the functions' environment: `Record<queue, QueueSettings>` as JSON. */
export const queues = (variables: Variables): Promise<string> =>
  unlessRefused('{}', async () => {
    const { rows } = await readConfiguration(variables);
    return JSON.stringify(Object.fromEntries(rows.map((row) => [row.name, settings(row)])));
  });

/** `iamRoleStatements` by function. */
export const permissions = (variables: Variables): Promise<Record<string, Statement[]>> =>
  unlessRefused(Object.fromEntries(FUNCTION_NAMES.map((name) => [name, []])), async () => {
    const params: Record<string, string> = {};
    for (const name of PERMISSION_PARAMS) params[name] = await readParam(variables, name);
    return functionPermissions(await readConfiguration(variables), params);
  });

/** Only `resources` reports an invalid configuration. The other variables return a placeholder, or each would repeat it. */
async function unlessRefused<T>(placeholder: T, value: () => Promise<T>): Promise<T> {
  try {
    return await value();
  } catch (error) {
    if (error instanceof ConfigurationProblems) return placeholder;
    throw error;
  }
}

/** Serverless names exports by service and stage only, but an account accepts each export name once. */
const exportNames = ({ instance, stage }: Context): Fragment => ({
  Resources: {},
  Outputs: {
    ServerlessDeploymentBucketName: { Export: { Name: `${instance}-jobs-${stage}-deployment-bucket` } },
    EmailEventsLambdaFunctionUrl: { Export: { Name: `${instance}-jobs-${stage}-email-events-url` } },
  },
});
