import type { QueueRow } from './instances/file';
import type { Instance } from './instances/instance';
import {
  type Fragment,
  logicalId,
  merge,
  policyDocument,
  principalArn,
  type Resource,
  TOPIC_ID,
  UNDELIVERED_QUEUE_ID,
} from './template';

export const queuePolicies = ({ rows, access }: Instance): Fragment =>
  merge([
    ...rows.flatMap((row) => [
      ofQueue(logicalId(row.name, 'Queue'), `Queue of the ${row.name} jobs`, sendersOf(row, access.organization)),
      ofQueue(logicalId(row.name, 'Dlq'), `Dead-letter queue of the ${row.name} jobs`),
    ]),
    { Resources: { [`${UNDELIVERED_QUEUE_ID}Policy`]: policy(UNDELIVERED_QUEUE_ID, [fromTheTopic]) } },
  ]);

const ofQueue = (id: string, Description: string, statements?: object[]): Fragment => ({
  Resources: { [`${id}Policy`]: policy(id, statements) },
  Outputs: { [`${id}Url`]: { Description, Value: { Ref: id } } },
});

/** Lets principals of other accounts send. In our own account, an identity's own policy is enough. */
const sendersOf = ({ name, senders = [] }: QueueRow, organization?: string): object[] =>
  senders.length === 0
    ? []
    : [
        {
          Sid: 'SendersOfOtherAccounts',
          Effect: 'Allow',
          Principal: { AWS: senders.map(principalArn) },
          Action: 'sqs:SendMessage',
          Resource: { 'Fn::GetAtt': [logicalId(name, 'Queue'), 'Arn'] },
          ...(organization && { Condition: { StringEquals: { 'aws:PrincipalOrgID': organization } } }),
        },
      ];

/** The topic sends alarms here that it could not deliver to the function. The function sends with its own role. */
const fromTheTopic = {
  Sid: 'FromTheTopic',
  Effect: 'Allow',
  Principal: { Service: 'sns.amazonaws.com' },
  Action: 'sqs:SendMessage',
  Resource: { 'Fn::GetAtt': [UNDELIVERED_QUEUE_ID, 'Arn'] },
  Condition: { ArnEquals: { 'aws:SourceArn': { Ref: TOPIC_ID } } },
};

/** A policy may only name the queue that it is attached to, so each queue has its own. */
const policy = (id: string, statements: object[] = []): Resource => ({
  Type: 'AWS::SQS::QueuePolicy',
  Properties: {
    Queues: [{ Ref: id }],
    PolicyDocument: policyDocument([
      {
        Sid: 'EncryptedTransportOnly',
        ...{ Effect: 'Deny', Principal: '*', Action: 'sqs:*', Resource: { 'Fn::GetAtt': [id, 'Arn'] } },
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
      ...statements,
    ]),
  },
});
