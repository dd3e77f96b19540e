import { deployedBy } from '../lib/instances/deployed';
import { hasFunction } from '../lib/instances/instance';
import { accessResources } from './access';
import { catalogResources } from './catalog';
import { instanceOf, type Variables } from './instance';
import { logGroupId } from './logical-id';
import { type Blocks, monitoringResources } from './monitoring';
import { queuePolicies } from './queue-policies';
import { type Fragment, merge } from './template';

/** What there are many of: queue policies, alarms, dashboard, access roles, log groups, outputs. Throws InstanceProblems. */
export async function generated(variables: Variables): Promise<Fragment> {
  const of = instanceOf(variables);
  const { name, stage, retain } = of;
  const functions = (await variables.resolveConfigurationProperty(['functions'])) as Blocks;
  // Serverless makes the log groups. In production they outlive the stack, as queues and table do.
  const logGroups = retain ? Object.keys(functions).filter((key) => hasFunction(of, key)) : [];
  const kept = { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' } as const;
  // Serverless names exports by service and stage only, but an account accepts each export name once.
  const exported = (what: string) => ({ Export: { Name: `${name}-jobs-${stage}-${what}` } });
  return merge([
    queuePolicies(of),
    monitoringResources(of, functions),
    accessResources(of),
    catalogResources(of),
    {
      Outputs: {
        ServerlessDeploymentBucketName: exported('deployment-bucket'),
        ...(hasFunction(of, 'emailEvents') && { EmailEventsLambdaFunctionUrl: exported('email-events-url') }),
        ...Object.fromEntries(Object.entries(deployedBy(of)).map(([output, Value]) => [output, { Value }])),
      },
      extensions: Object.fromEntries(logGroups.map((key) => [logGroupId(key), kept])),
    },
  ]);
}
