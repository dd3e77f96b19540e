import { readFileSync } from 'node:fs';
import { alarmName } from '../lib/operate/alarms/kinds';
import { accessResources, keyArn } from './access';
import {
  type Alarm,
  alarmResource,
  instanceAlarms,
  queueAlarms,
  TOPIC_ID,
  topicOf,
  UNDELIVERED_TOPIC_ID,
} from './alarms';
import { catalogResources } from './catalog';
import { dashboardResources } from './dashboard';
import type { QueueRow } from './instances/file';
import { folderOf, functionsOf, type Instance } from './instances/instance';
import { type Choice, chosenInstance } from './instances/read';
import { arn, type Fragment, logicalId, merge, pascal, policyDocument, principalArn } from './template';
import { queueValues, valuesOf } from './values';

/** What Serverless passes to a function that a variable of serverless.yml names. */
interface Variables {
  options: Choice;
}

const read = new WeakMap<Choice, Instance>();

/** The instance of this `sls` call, read once. Throws InstanceProblems. */
function instanceOf({ options }: Variables): Instance {
  const instance = read.get(options) ?? chosenInstance(options);
  read.set(options, instance);
  return instance;
}

/** `provider.stage`. Serverless resolves it first, so a wrong file or parameter is reported once, here. */
export const stage = async (variables: Variables): Promise<string> => instanceOf(variables).stage;

export const instance = async (variables: Variables) => valuesOf(instanceOf(variables));

/** `custom.queues`: the rows of all queues, in use or not, with the attributes that follow from a row's type. */
export const queues = async (variables: Variables): Promise<Record<string, object>> => {
  const { name, known } = instanceOf(variables);
  return Object.fromEntries(Object.values(known).map((row) => [row.name, queueValues(name, row)]));
};

/** Many of a kind: queue policies, alarms, dashboard, access roles, log groups, outputs. Throws InstanceProblems. */
export async function generated(variables: Variables): Promise<Fragment> {
  const of = instanceOf(variables);
  const { name, stage, retain } = of;
  const functions = functionsOf(of);
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  // Serverless makes the log groups. In production they outlive the stack, as queues and table do.
  const KmsKeyId = keyArn(of);
  const changed = {
    ...(retain && ({ DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' } as const)),
    ...(KmsKeyId !== undefined && { Properties: { KmsKeyId } }),
  };
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
        ...(functions.includes('emailEvents') && { EmailEventsLambdaFunctionUrl: exported('email-events-url') }),
        // Never rename these: `sls instances` and the checks read those of the last deployment.
        Version: { Value: version },
        Folder: { Value: folderOf(of) },
      },
      extensions: Object.fromEntries(functions.map((key) => [`${pascal(key)}LogGroup`, changed])),
    },
  ]);
}

function monitoringResources(of: Instance, functions: string[]): Fragment {
  const { name: instance, rows, notify } = of;
  const alarms = [...rows.flatMap((row) => queueAlarms(row, of)), ...instanceAlarms(of, functions)];
  const namesOf = (some: Alarm[]) => some.map(({ kind, subject, part }) => alarmName(instance, kind, subject, part));
  const alarmsOf = (topic: string) => namesOf(alarms.filter((alarm) => topicOf(alarm) === topic));
  const mailed = { TopicArn: { Ref: UNDELIVERED_TOPIC_ID }, Protocol: 'email', Endpoint: notify.email };
  const Email = { Type: 'AWS::SNS::Subscription', Properties: mailed };
  return merge([
    ...[TOPIC_ID, UNDELIVERED_TOPIC_ID].map((topic) => topicPolicy(topic, alarmsOf(topic))),
    notify.email ? { Resources: { [`${UNDELIVERED_TOPIC_ID}Email`]: Email } } : {},
    ...alarms.map((alarm) => ({ Resources: alarmResource(alarm, { instance, runbook: notify.runbook ?? '' }) })),
    dashboardResources(of, { functions, alarmNames: namesOf(alarms) }),
  ]);
}

/** Each alarm by its name. A pattern such as `acme-*` would also match the alarms of an instance `acme-staging`. */
function topicPolicy(id: string, alarms: string[]): Fragment {
  const statement = {
    Sid: 'AlarmsOfThisInstance',
    Effect: 'Allow',
    Principal: { Service: 'cloudwatch.amazonaws.com' },
    Action: 'sns:Publish',
    Resource: { Ref: id },
    Condition: {
      StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
      ArnEquals: { 'aws:SourceArn': alarms.map((name) => arn('cloudwatch', `alarm:${name}`)) },
    },
  };
  const Properties = { Topics: [{ Ref: id }], PolicyDocument: policyDocument([statement]) };
  return { Resources: { [`${id}Policy`]: { Type: 'AWS::SNS::TopicPolicy', Properties } } };
}

const queuePolicies = ({ name, rows, access, events }: Instance): Fragment =>
  merge([
    ...rows.flatMap((row) => [
      ofQueue(logicalId(row.name, 'Queue'), `Queue of the ${row.name} jobs`, accountsOf(row, access.organization)),
      ofQueue(logicalId(row.name, 'Dlq'), `Dead-letter queue of the ${row.name} jobs`),
    ]),
    // The topic sends alarms here that it could not deliver to the function. The function sends with its own role.
    ofService('UndeliveredAlarms', 'FromTheTopic', 'sns', { Ref: TOPIC_ID }),
    events.webhook
      ? ofService('WebhookUndelivered', 'FromTheRule', 'events', arn('events', `rule/${name}-jobs/${name}-webhook`))
      : {},
  ]);

const ofQueue = (id: string, Description: string, statement?: object): Fragment => ({
  ...queuePolicy(id, statement),
  Outputs: { [`${id}Url`]: { Description, Value: { Ref: id } } },
});

/** Lets principals of other accounts send. In our own account, an identity's own policy is enough. */
const accountsOf = ({ name, accounts }: QueueRow, organization?: string) =>
  accounts && {
    Sid: 'SendersOfOtherAccounts',
    Effect: 'Allow',
    Principal: { AWS: accounts.map(principalArn) },
    Action: 'sqs:SendMessage',
    Resource: { 'Fn::GetAtt': [logicalId(name, 'Queue'), 'Arn'] },
    ...(organization && { Condition: { StringEquals: { 'aws:PrincipalOrgID': organization } } }),
  };

/** The policy of a queue that keeps what a service could not deliver for the resource `from`. */
const ofService = (id: string, Sid: string, service: 'sns' | 'events', from: object): Fragment =>
  queuePolicy(id, {
    Sid,
    Effect: 'Allow',
    Principal: { Service: `${service}.amazonaws.com` },
    Action: 'sqs:SendMessage',
    Resource: { 'Fn::GetAtt': [id, 'Arn'] },
    Condition: { ArnEquals: { 'aws:SourceArn': from } },
  });

/** A policy may only name the queue that it is attached to, so each queue has its own. */
function queuePolicy(id: string, statement?: object): Fragment {
  const encrypted = {
    Sid: 'EncryptedTransportOnly',
    Effect: 'Deny',
    Principal: '*',
    Action: 'sqs:*',
    Resource: { 'Fn::GetAtt': [id, 'Arn'] },
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  };
  const PolicyDocument = policyDocument(statement ? [encrypted, statement] : [encrypted]);
  return {
    Resources: {
      [`${id}Policy`]: { Type: 'AWS::SQS::QueuePolicy', Properties: { Queues: [{ Ref: id }], PolicyDocument } },
    },
  };
}
