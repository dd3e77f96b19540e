import { templateOf } from '../../support/packages';

/**
 * The resource types that take no tags, or whose tags Serverless cannot set. Everything else must have all tags, because
 * cost allocation counts what has them.
 */
const WITHOUT_TAGS = [
  'AWS::S3::BucketPolicy',
  'AWS::Lambda::Url',
  'AWS::Lambda::Permission',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::SNS::Subscription',
  'AWS::SNS::TopicPolicy',
  'AWS::SQS::QueuePolicy',
  'AWS::IAM::ManagedPolicy',
  'AWS::CloudWatch::Dashboard',
  'AWS::Logs::QueryDefinition',
];

test('every resource that takes tags has the tags of the instance and those of its file', async () => {
  const { Resources } = await templateOf('second');
  const expected = {
    ...{ instance: 'acme', stage: 'prod', service: 'background-jobs' },
    ...{ 'cost-centre': 'acme', owner: 'support-team' },
  };
  const untagged = Object.entries(Resources).flatMap(([id, { Type, Properties }]) => {
    if (WITHOUT_TAGS.includes(Type)) return [];
    const tags = Properties.Tags as { Key: string; Value: string }[] | Record<string, string> | undefined;
    const found = Array.isArray(tags) ? Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])) : tags;
    const missing = Object.entries(expected).filter(([key, value]) => found?.[key] !== value);
    return missing.length === 0 ? [] : [`${Type} ${id}: ${missing.map(([key]) => key).join(' ')}`];
  });

  expect(untagged).toEqual([]);
});
