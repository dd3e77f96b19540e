import { deployedBy } from '../lib/instances/deployed';
import { hasFunction } from '../lib/instances/functions';
import { accessResources } from './access';
import { catalogResources } from './catalog';
import { type Context, contextOf } from './context';
import { instanceOf, SERVICE, type Variables } from './instance';
import { logGroupId } from './logical-id';
import { type Blocks, monitoringResources } from './monitoring';
import { queuePolicies } from './queue-policies';
import { type Fragment, merge, retention } from './template';

/** What there are many of: queue policies, alarms, dashboard, access roles, log groups, outputs. Throws InstanceProblems. */
export async function generated(variables: Variables): Promise<Fragment> {
  const of = instanceOf(variables);
  const context = contextOf(of, SERVICE);
  const functions = (await variables.resolveConfigurationProperty(['functions'])) as Blocks;
  return merge([
    queuePolicies(of.rows, context),
    logGroups(
      Object.keys(functions).filter((key) => hasFunction(of, key)),
      context,
    ),
    monitoringResources(of, context, functions),
    accessResources(of.rows, context),
    catalogResources(of),
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
