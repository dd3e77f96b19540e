import { topicName, undeliveredName } from '../lib/jobs/keys';
import type { Context } from './context';
import { TOPIC_ID, UNDELIVERED_QUEUE_ID, UNDELIVERED_TOPIC_ID } from './logical-id';
import { queuePolicy } from './queue';
import { arn, type Fragment, type Resource, retention } from './template';

/** Serverless gives this name to the subscription of `functions.alarms` to the topic `alarms`. */
const SUBSCRIPTION_ID = 'AlarmsSnsSubscriptionAlarms';

/**
 * The alarm topic, a queue for alarms that Discord did not accept, and a second topic for the alarms about that queue.
 * `alarmEmail` subscribes to the second topic; it may be empty. `alarmsOf` names the alarms that publish to a topic.
 */
export function topicResources(
  context: Context,
  { alarmEmail, alarmsOf }: { alarmEmail: string; alarmsOf: (topic: string) => string[] },
): Fragment {
  const { instance } = context;
  return {
    Resources: {
      [TOPIC_ID]: topic(topicName(instance)),
      [`${TOPIC_ID}Policy`]: alarmsPublish(TOPIC_ID, alarmsOf(TOPIC_ID)),
      [UNDELIVERED_TOPIC_ID]: topic(undeliveredName(instance)),
      [`${UNDELIVERED_TOPIC_ID}Policy`]: alarmsPublish(UNDELIVERED_TOPIC_ID, alarmsOf(UNDELIVERED_TOPIC_ID)),
      [UNDELIVERED_QUEUE_ID]: {
        Type: 'AWS::SQS::Queue',
        ...retention(context),
        Properties: {
          QueueName: undeliveredName(instance),
          MessageRetentionPeriod: 1_209_600,
          SqsManagedSseEnabled: true,
        },
      },
      [`${UNDELIVERED_QUEUE_ID}Policy`]: undeliveredPolicy(),
      ...(alarmEmail && {
        [`${UNDELIVERED_TOPIC_ID}Email`]: {
          Type: 'AWS::SNS::Subscription',
          Properties: { TopicArn: { Ref: UNDELIVERED_TOPIC_ID }, Protocol: 'email', Endpoint: alarmEmail },
        },
      }),
    },
    extensions: {
      // Serverless can set this too, but it adds a queue policy of its own, and a queue has only one.
      [SUBSCRIPTION_ID]: {
        Properties: { RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': [UNDELIVERED_QUEUE_ID, 'Arn'] } } },
      },
    },
    Outputs: {
      AlarmTopicArn: { Description: 'Topic of the alarms of this instance', Value: { Ref: TOPIC_ID } },
      UndeliveredAlarmsUrl: {
        Description: 'Queue of alarms that Discord did not accept',
        Value: { Ref: UNDELIVERED_QUEUE_ID },
      },
    },
  };
}

/**
 * Not encrypted. CloudWatch may not use the key that AWS manages for SNS, so alarms would be lost without a trace. An
 * alarm holds neither secrets nor personal data.
 */
const topic = (TopicName: string): Resource => ({
  Type: 'AWS::SNS::Topic',
  Properties: { TopicName },
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

/** The topic sends alarms here that it could not deliver to the function. The function sends with its own role. */
const undeliveredPolicy = (): Resource =>
  queuePolicy(UNDELIVERED_QUEUE_ID, [
    {
      Sid: 'FromTheTopic',
      Effect: 'Allow',
      Principal: { Service: 'sns.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: { 'Fn::GetAtt': [UNDELIVERED_QUEUE_ID, 'Arn'] },
      Condition: { ArnEquals: { 'aws:SourceArn': { Ref: TOPIC_ID } } },
    },
  ]);
