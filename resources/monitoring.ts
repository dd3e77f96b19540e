import { alarmName } from '../lib/alarms/kinds';
import { hasFunction, type Instance } from '../lib/instances/instance';
import { type Alarm, alarmResource, instanceAlarms, queueAlarms, topicOf } from './alarms';
import { dashboardResources } from './dashboard';
import { TOPIC_ID, UNDELIVERED_TOPIC_ID } from './logical-id';
import { arn, type Fragment, merge, type Resource } from './template';

/** The function blocks of serverless.yml, with all variables resolved. */
export type Blocks = Record<string, { name: string; timeout: number; reservedConcurrency?: number }>;

export function monitoringResources(of: Instance, blocks: Blocks): Fragment {
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
