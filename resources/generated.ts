import { alarmName } from '../lib/alarms/kinds';
import { accessResources } from './access';
import { type Alarm, alarmResource, instanceAlarms, queueAlarms, topicOf } from './alarms';
import { catalogResources } from './catalog';
import { dashboardResources } from './dashboard';
import { instanceOf, type Variables } from './instance';
import { deployedBy } from './instances/deployed';
import { hasFunction, type Instance } from './instances/instance';
import { logGroupId, TOPIC_ID, UNDELIVERED_TOPIC_ID } from './logical-id';
import { queuePolicies } from './queue-policies';
import { arn, type Fragment, merge, type Resource } from './template';

/** Many of a kind: queue policies, alarms, dashboard, access roles, log groups, outputs. Throws InstanceProblems. */
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

/** The function blocks of serverless.yml, with all variables resolved. */
type Blocks = Record<string, { name: string; timeout: number; reservedConcurrency?: number }>;

function monitoringResources(of: Instance, blocks: Blocks): Fragment {
  const { name: instance, rows, settings } = of;
  const { notify = {}, canaryEvery: canaryMinutes = 0 } = settings;
  const functions = Object.entries(blocks)
    .filter(([key]) => hasFunction(of, key))
    .map(([key, { name, reservedConcurrency }]) => ({ key, name, reserved: reservedConcurrency !== undefined }));
  const alarms = [
    ...rows.flatMap((row) => queueAlarms(row, { instance, canaryMinutes })),
    ...instanceAlarms(instance, functions),
  ];
  const namesOf = (some: Alarm[]) => some.map(({ kind, subject }) => alarmName(instance, kind, subject));
  const alarmsOf = (topic: string) => namesOf(alarms.filter((alarm) => topicOf(alarm) === topic));
  return merge([
    topicPolicies(alarmsOf, notify.email),
    ...alarms.map((alarm) => ({ Resources: alarmResource(alarm, { instance, runbook: notify.runbook ?? '' }) })),
    dashboardResources(of, { functions, alarmNames: namesOf(alarms) }),
  ]);
}

/** Which alarms may publish to each topic, and who gets those of the second one by e-mail. */
const topicPolicies = (alarmsOf: (topic: string) => string[], email: string | undefined): Fragment => ({
  Resources: {
    [`${TOPIC_ID}Policy`]: alarmsPublish(TOPIC_ID, alarmsOf(TOPIC_ID)),
    [`${UNDELIVERED_TOPIC_ID}Policy`]: alarmsPublish(UNDELIVERED_TOPIC_ID, alarmsOf(UNDELIVERED_TOPIC_ID)),
    ...(email && {
      [`${UNDELIVERED_TOPIC_ID}Email`]: {
        Type: 'AWS::SNS::Subscription',
        Properties: { TopicArn: { Ref: UNDELIVERED_TOPIC_ID }, Protocol: 'email', Endpoint: email },
      },
    }),
  },
});

/** Each alarm by its name. A pattern such as `acme-*` would also match the alarms of an instance `acme-staging`. */
const alarmsPublish = (id: string, alarms: string[]): Resource => ({
  Type: 'AWS::SNS::TopicPolicy',
  Properties: {
    Topics: [{ Ref: id }],
    PolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'AlarmsOfThisInstance',
          Effect: 'Allow',
          Principal: { Service: 'cloudwatch.amazonaws.com' },
          Action: 'sns:Publish',
          Resource: { Ref: id },
          Condition: {
            StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
            ArnEquals: { 'aws:SourceArn': alarms.map((name) => arn('cloudwatch', `alarm:${name}`)) },
          },
        },
      ],
    },
  },
});
