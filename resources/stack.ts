import { environmentSchemas } from '../lib/config/functions';
import { deployedBy } from '../lib/instances/deployed';
import { hasFunction } from '../lib/instances/functions';
import { variablesOf } from '../lib/instances/variables';
import { accessResources } from './access';
import { type Blocks, instanceOf, SERVICE, type Variables } from './configuration';
import { type Context, contextOf } from './context';
import { eventBusResources } from './event-bus';
import { functionPermissions } from './function-permissions';
import { jobsTableResources } from './jobs-table';
import { logGroupId } from './logical-id';
import { monitoringResources } from './monitoring';
import { producerParameterResources } from './producer-parameter';
import { queueResources } from './queue';
import type { Statement } from './statements';
import { type Fragment, merge, retention } from './template';

/** `iamRoleStatements` by function. */
export const permissions = async (variables: Variables): Promise<Record<string, Statement[]>> => {
  const of = instanceOf(variables);
  const secretsKey = of.settings.secretsKey ?? '';
  const none = Object.keys(environmentSchemas).map((key) => [key, []]);
  const configuration = { rows: of.rows, context: contextOf(of, SERVICE) };
  return { ...Object.fromEntries(none), ...functionPermissions(configuration, { ...variablesOf(of), secretsKey }) };
};

/** `resources` of serverless.yml. Throws InstanceProblems. */
export async function resources(variables: Variables): Promise<Fragment> {
  const of = instanceOf(variables);
  const context = contextOf(of, SERVICE);
  const functions = (await variables.resolveConfigurationProperty(['functions'])) as Blocks;
  return merge([
    ...of.rows.map((row) => queueResources(row, context)),
    jobsTableResources(context),
    logGroups(
      Object.keys(functions).filter((key) => hasFunction(of, key)),
      context,
    ),
    monitoringResources(of, context, functions),
    eventBusResources(context),
    producerParameterResources(of),
    accessResources(of.rows, context),
    exportNames(context, hasFunction(of, 'emailEvents')),
    { Resources: {}, Outputs: outputsOf(deployedBy(of)) },
  ]);
}

/** Serverless makes the log groups. In production they outlive the stack, as queues and table do. */
const logGroups = (functions: readonly string[], context: Context): Fragment => ({
  ...{ Resources: {}, Outputs: {} },
  extensions: context.retain ? Object.fromEntries(functions.map((key) => [logGroupId(key), retention(context)])) : {},
});

const outputsOf = (values: object): Fragment['Outputs'] =>
  Object.fromEntries(Object.entries(values).map(([name, Value]) => [name, { Value }]));

/** Serverless names exports by service and stage only, but an account accepts each export name once. */
const exportNames = ({ instance, stage }: Context, webhook: boolean): Fragment => ({
  Resources: {},
  Outputs: {
    ServerlessDeploymentBucketName: { Export: { Name: `${instance}-jobs-${stage}-deployment-bucket` } },
    ...(webhook && {
      EmailEventsLambdaFunctionUrl: { Export: { Name: `${instance}-jobs-${stage}-email-events-url` } },
    }),
  },
});
