import type { Template } from './serverless';

/** Types whose resources Serverless makes without tags, although they take some. */
const TAKE_TAGS = [
  'AWS::S3::Bucket',
  'AWS::Logs::LogGroup',
  'AWS::IAM::Role',
  'AWS::Events::Rule',
  'AWS::Lambda::EventSourceMapping',
];

/** Adds the tags to the resources that Serverless made without them, so that cost allocation counts those too. */
export function tagAll({ Resources }: Template, tags: Record<string, string>): void {
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  for (const resource of Object.values(Resources))
    if (TAKE_TAGS.includes(resource.Type))
      resource.Properties = { Tags, ...(resource.Properties as object | undefined) };
}
