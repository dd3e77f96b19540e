import { arn, type Context, type Fragment, type Resource, retention, tags } from './context';
import { TOPIC_ID, UNDELIVERED_QUEUE_ID, UNDELIVERED_TOPIC_ID } from './logical-id';
import { queuePolicy } from './queue';

export const topicName = (instance: string): string => `${instance}-alarms`;
export const undeliveredQueueName = (instance: string): string => `${instance}-alarms-undelivered`;

/** As Serverless calls the subscription of `functions.alarms` to a topic that it knows as `alarms`. */
const SUBSCRIPTION_ID = 'AlarmsSnsSubscriptionAlarms';

/**
 * Where alarms go: a topic, a queue for what Discord did not take, and a second topic that tells of that queue, by
 * e-mail if an address is given.
 */
export function topicResources(context: Context, alarmEmail: string): Fragment {
  const { instance } = context;
  return {
    Resources: {
      [TOPIC_ID]: topic(context, topicName(instance)),
      [`${TOPIC_ID}Policy`]: cloudWatchPublishes(TOPIC_ID, instance),
      [UNDELIVERED_TOPIC_ID]: topic(context, undeliveredQueueName(instance)),
      [`${UNDELIVERED_TOPIC_ID}Policy`]: cloudWatchPublishes(UNDELIVERED_TOPIC_ID, instance),
      [UNDELIVERED_QUEUE_ID]: {
        Type: 'AWS::SQS::Queue',
        ...retention(context),
        Properties: {
          QueueName: undeliveredQueueName(instance),
          MessageRetentionPeriod: 1_209_600,
          SqsManagedSseEnabled: true,
          Tags: tags(context),
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
      // Serverless can do it too, with a queue policy that would stand beside ours; a queue has but one.
      [SUBSCRIPTION_ID]: {
        Properties: { RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': [UNDELIVERED_QUEUE_ID, 'Arn'] } } },
      },
    },
    Outputs: {
      AlarmTopicArn: { Description: 'Alarms of this instance', Value: { Ref: TOPIC_ID } },
      UndeliveredAlarmsUrl: { Description: 'Alarms that Discord did not take', Value: { Ref: UNDELIVERED_QUEUE_ID } },
    },
  };
}

/**
 * Not encrypted: with the key that AWS manages for SNS, CloudWatch may not publish, and alarms vanish without a trace.
 * What an alarm says is neither secret nor personal.
 */
const topic = (context: Context, TopicName: string): Resource => ({
  Type: 'AWS::SNS::Topic',
  Properties: { TopicName, Tags: tags(context) },
});

const cloudWatchPublishes = (id: string, instance: string): Resource => ({
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
            ArnLike: { 'aws:SourceArn': arn('cloudwatch', `alarm:${instance}-*`) },
          },
        },
      ],
    },
  },
});

/** The topic puts here what it could not hand to the function; the function itself sends by its own role. */
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
