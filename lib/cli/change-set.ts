import {
  CloudFormationClient,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  paginateDescribeChangeSet,
  type ResourceChange,
  waitUntilChangeSetCreateComplete,
} from '@aws-sdk/client-cloudformation';
import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { guarded } from '../aws/store-error';
import { OperatorError } from '../ops/operator';
import type { AwsConfig, Template } from './serverless';
import { readStack } from './stack';

/** A deployment to come. `tags`: those of the stack. */
interface Deployment {
  stack: string;
  region: string;
  template: Template;
  tags: Record<string, string>;
}

/** Seconds. CloudFormation compares a template within seconds. */
const LONGEST_WAIT = 300;

const UNCHANGED = /didn't contain changes|No updates are to be performed/;

/**
 * What a deployment would do to the stack, a line for each resource. CloudFormation compares the templates. A stack that does
 * not exist yet gets no change set, which would leave an empty stack behind: all its resources are new. Rejects with a
 * StoreError, or with an OperatorError if CloudFormation refuses the template.
 */
export async function plannedChanges(deployment: Deployment, config: AwsConfig): Promise<string[]> {
  const bucket = (await readStack(config, deployment.stack))?.outputs.ServerlessDeploymentBucketName;
  if (bucket === undefined) return changeLines(Object.entries(deployment.template.Resources).map(added));
  // The template is too large for a request, so it goes through the bucket.
  const key = `plans/plan-${Date.now()}.json`;
  const s3 = new S3Client(config);
  const inS3 = <T>(operation: string, call: () => Promise<T>) => guarded({ service: 'S3', operation, call });
  const put = new PutObjectCommand({ Bucket: bucket, Key: key, Body: JSON.stringify(deployment.template) });
  try {
    await inS3('PutObject', () => s3.send(put));
    return await changesOf(deployment, { bucket, key, config });
  } finally {
    await inS3('DeleteObject', () => s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })));
  }
}

/** Makes a change set from a template in the bucket, reads it and deletes it. */
async function changesOf(
  { stack, region, tags }: Deployment,
  { bucket, key, config }: { bucket: string; key: string; config: AwsConfig },
): Promise<string[]> {
  const set = { StackName: stack, ChangeSetName: `plan-${Date.now()}` };
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const client = new CloudFormationClient(config);
  const make = new CreateChangeSetCommand({
    ...set,
    ChangeSetType: 'UPDATE',
    TemplateURL: `https://s3.${region}.${domain}/${bucket}/${key}`,
    Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM'],
    // Without them, the change set would take the stack's tags from every resource.
    Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
  });
  const ask = <T>(operation: string, call: () => Promise<T>) => guarded({ service: 'CloudFormation', operation, call });
  await ask('CreateChangeSet', () => client.send(make));
  try {
    return linesOf(await ask('DescribeChangeSet', () => read(client, set)));
  } finally {
    await ask('DeleteChangeSet', () => client.send(new DeleteChangeSetCommand(set)));
  }
}

function linesOf({ status, reason, changes }: Awaited<ReturnType<typeof read>>): string[] {
  if (UNCHANGED.test(reason)) return ['nothing'];
  if (status === 'CREATE_COMPLETE') return changeLines(changes);
  throw new OperatorError(`CloudFormation made no change set (${status}): ${reason}`);
}

async function read(client: CloudFormationClient, set: { StackName: string; ChangeSetName: string }) {
  // It rejects for a set that failed too, and the description says why.
  await waitUntilChangeSetCreateComplete({ client, maxWaitTime: LONGEST_WAIT }, set).catch(() => {});
  const made = { status: '', reason: '', changes: [] as ResourceChange[] };
  for await (const { Status = '', StatusReason = '', Changes = [] } of paginateDescribeChangeSet({ client }, set)) {
    Object.assign(made, { status: Status, reason: StatusReason });
    made.changes.push(...Changes.map(({ ResourceChange = {} }) => ResourceChange));
  }
  return made;
}

const added = ([id, { Type }]: [string, Template['Resources'][string]]): ResourceChange => ({
  Action: 'Add',
  ResourceType: Type,
  LogicalResourceId: id,
});

/** Changes as lines for people: `change AWS::SQS::Queue FeedbackQueue: VisibilityTimeout`. What is dangerous comes last. */
export function changeLines(changes: ResourceChange[]): string[] {
  const lines = changes.map((change) => {
    const { Details = [], Scope = [], ResourceType, LogicalResourceId } = change;
    // Without a property, an attribute of the resource differs, such as its tags.
    const properties = Details.flatMap(({ Target = {} }) => Target.Name ?? Target.Attribute ?? []);
    const names = [...new Set(properties.length > 0 ? properties : Scope)].join(', ');
    return [wordOf(change), `${ResourceType} ${LogicalResourceId}${names && `: ${names}`}`] as const;
  });
  if (lines.length === 0) return ['nothing'];
  return lines.toSorted(([a], [b]) => WORDS.indexOf(a) - WORDS.indexOf(b)).map(([word, rest]) => `${word} ${rest}`);
}

const WORDS = ['add', 'change', 'no longer manage, but keep', 'perhaps REPLACE', 'REPLACE', 'REMOVE'] as const;

function wordOf({ Action, Replacement, PolicyAction }: ResourceChange): (typeof WORDS)[number] {
  if (Action === 'Add') return 'add';
  if (Action === 'Remove') return PolicyAction === 'Retain' ? 'no longer manage, but keep' : 'REMOVE';
  if (Replacement === 'True') return 'REPLACE';
  return Replacement === 'Conditional' ? 'perhaps REPLACE' : 'change';
}
