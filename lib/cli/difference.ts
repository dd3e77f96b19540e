import type { Template } from './serverless';

/** What a deployment does to one resource. */
export interface Change {
  /** `leave`: CloudFormation forgets the resource, and it stays in the account. */
  kind: 'create' | 'change' | 'replace' | 'remove' | 'leave';
  type: string;
  /** Its physical name, or its logical id if the template gives none. */
  name: string;
  /** The properties that differ. */
  properties: string[];
}

type Resource = Template['Resources'][string];

/**
 * CloudFormation replaces a resource if one of these properties changes. The docs of each type mark them with "Update
 * requires: Replacement". https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
 */
export const REPLACING: Readonly<Record<string, readonly string[]>> = {
  'AWS::CloudWatch::Alarm': ['AlarmName'],
  'AWS::CloudWatch::Dashboard': ['DashboardName'],
  'AWS::DynamoDB::Table': ['TableName', 'KeySchema', 'LocalSecondaryIndexes'],
  'AWS::Events::EventBus': ['Name'],
  'AWS::Events::Rule': ['Name', 'EventBusName'],
  'AWS::IAM::Role': ['RoleName', 'Path'],
  'AWS::Lambda::EventSourceMapping': ['EventSourceArn'],
  'AWS::Lambda::Function': ['FunctionName'],
  'AWS::Lambda::Url': ['TargetFunctionArn'],
  'AWS::Logs::LogGroup': ['LogGroupName'],
  'AWS::S3::Bucket': ['BucketName'],
  'AWS::SNS::Subscription': ['TopicArn', 'Protocol', 'Endpoint'],
  'AWS::SNS::Topic': ['TopicName', 'FifoTopic'],
  'AWS::SQS::Queue': ['QueueName', 'FifoQueue'],
  'AWS::SSM::Parameter': ['Name'],
};

/** Compares the deployed template with the next one, resource by resource. `undefined`: nothing is deployed. */
export function differenceOf(deployed: Template | undefined, next: Template): Change[] {
  const before = deployed?.Resources ?? {};
  const ids = new Set([...Object.keys(before), ...Object.keys(next.Resources)]);
  return [...ids].flatMap((id) => changeOf(id, before[id], next.Resources[id]));
}

function changeOf(id: string, before: Resource | undefined, after: Resource | undefined): Change[] {
  const about = (resource: Resource, kind: Change['kind'], properties: string[] = []): Change => ({
    ...{ kind, properties },
    type: resource.Type,
    name: nameOf(id, resource),
  });
  const gone = before && about(before, before.DeletionPolicy === 'Retain' ? 'leave' : 'remove');
  if (!before || !after) return [...(gone ? [gone] : []), ...(after ? [about(after, 'create')] : [])];
  if (before.Type !== after.Type) return [...(gone ? [gone] : []), about(after, 'create')];
  const properties = differing(before, after);
  if (properties.length === 0) return [];
  const replaced = properties.some((property) => REPLACING[before.Type]?.includes(property));
  return [about(before, replaced ? 'replace' : 'change', properties)];
}

const propertiesOf = ({ Properties }: Resource): Record<string, unknown> =>
  (Properties ?? {}) as Record<string, unknown>;

function nameOf(id: string, resource: Resource): string {
  const named = Object.entries(propertiesOf(resource)).find(([key]) => /^[A-Za-z]*Name$/.test(key));
  return typeof named?.[1] === 'string' ? named[1] : id;
}

function differing(before: Resource, after: Resource): string[] {
  const [old, now] = [attributesOf(before), attributesOf(after)];
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])];
  return names.filter((name) => JSON.stringify(old[name], sorted) !== JSON.stringify(now[name], sorted));
}

const attributesOf = (resource: Resource): Record<string, unknown> => ({
  ...propertiesOf(resource),
  DeletionPolicy: resource.DeletionPolicy,
  UpdateReplacePolicy: resource.UpdateReplacePolicy,
});

/** The order of keys has no meaning, that of lists has. */
const sorted = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

/** The dangerous kinds come last, next to the question that follows. */
const KINDS: Record<Change['kind'], string> = {
  create: 'create',
  change: 'change',
  leave: 'no longer manage',
  replace: 'REPLACE',
  remove: 'REMOVE',
};

/** The changes as lines for people, the dangerous ones last. */
export function differenceLines(changes: readonly Change[]): string[] {
  return Object.entries(KINDS).flatMap(([kind, words]) =>
    changes
      .filter((change) => change.kind === kind)
      .map(({ type, name, properties }) => {
        const what = properties.length > 0 ? `: ${properties.join(', ')}` : '';
        return `  ${words} ${type} ${name}${what}`;
      }),
  );
}
