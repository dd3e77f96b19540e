import type { QueueRow } from '../lib/instances/queue-row';
import { dlqName, queueName } from '../lib/jobs/keys';
import type { Context } from './context';
import { logicalId } from './logical-id';
import { arn, type Fragment, principalArn, type Resource, retention } from './template';

/** A queue and its DLQ, their policies, and their URLs as outputs. */
export function queueResources(row: QueueRow, context: Context): Fragment {
  const { name, type } = row;
  const main = queueName(context.instance, name, type);
  const dlq = dlqName(context.instance, name, type);
  const id = { queue: logicalId(name, 'Queue'), dlq: logicalId(name, 'Dlq') };
  return {
    Resources: {
      [id.queue]: queue(row, context, {
        QueueName: main,
        MessageRetentionPeriod: row.retention,
        VisibilityTimeout: row.visibility,
        RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': [id.dlq, 'Arn'] }, maxReceiveCount: row.receives },
      }),
      [id.dlq]: queue(row, context, {
        QueueName: dlq,
        MessageRetentionPeriod: row.dlq.retention,
        // By name, because the queue already refers to its DLQ and CloudFormation refuses cycles.
        RedriveAllowPolicy: { redrivePermission: 'byQueue', sourceQueueArns: [arn('sqs', main)] },
      }),
      [logicalId(name, 'QueuePolicy')]: queuePolicy(id.queue, sendersOf(row, context)),
      [logicalId(name, 'DlqPolicy')]: queuePolicy(id.dlq),
    },
    Outputs: {
      [`${id.queue}Url`]: { Description: `Queue of the ${name} jobs`, Value: { Ref: id.queue } },
      [`${id.dlq}Url`]: { Description: `Dead-letter queue of the ${name} jobs`, Value: { Ref: id.dlq } },
    },
  };
}

function queue({ type, throughput }: QueueRow, context: Context, properties: Resource['Properties']): Resource {
  const fifo = {
    FifoQueue: true,
    // Our deduplication ids name transitions (lib/jobs/keys.ts). By content, SQS would drop a redriven job as a repeat.
    ContentBasedDeduplication: false,
    ...(throughput === 'high' && { DeduplicationScope: 'messageGroup', FifoThroughputLimit: 'perMessageGroupId' }),
  };
  return {
    Type: 'AWS::SQS::Queue',
    ...retention(context),
    Properties: { ...properties, ...(type === 'fifo' && fifo), SqsManagedSseEnabled: true },
  };
}

/** Lets principals of other accounts send. In our own account, an identity's own policy is enough. */
function sendersOf({ name, senders = [] }: QueueRow, { organization }: Context): object[] {
  if (senders.length === 0) return [];
  return [
    {
      Sid: 'SendersOfOtherAccounts',
      Effect: 'Allow',
      Principal: { AWS: senders.map(principalArn) },
      Action: 'sqs:SendMessage',
      Resource: { 'Fn::GetAtt': [logicalId(name, 'Queue'), 'Arn'] },
      ...(organization && { Condition: { StringEquals: { 'aws:PrincipalOrgID': organization } } }),
    },
  ];
}

/** A policy may only name the queue that it is attached to, so each queue has its own. */
export const queuePolicy = (id: string, statements: object[] = []): Resource => ({
  Type: 'AWS::SQS::QueuePolicy',
  Properties: {
    Queues: [{ Ref: id }],
    PolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'EncryptedTransportOnly',
          Effect: 'Deny',
          Principal: '*',
          Action: 'sqs:*',
          Resource: { 'Fn::GetAtt': [id, 'Arn'] },
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        },
        ...statements,
      ],
    },
  },
});
