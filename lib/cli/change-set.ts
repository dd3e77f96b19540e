import {
  type Change,
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

interface ChangeSet {
  status: string | undefined;
  reason: string;
  changes: Change[];
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
  const { status, reason, changes } = await changeSetOf(deployment, { bucket, config });
  if (status === 'CREATE_COMPLETE') return changeLines(changes.map(({ ResourceChange = {} }) => ResourceChange));
  if (UNCHANGED.test(reason)) return ['nothing'];
  throw new OperatorError(`CloudFormation made no change set (${status}): ${reason}`);
}

/** Makes a change set, reads it and deletes it. The template is too large for a request, so it goes through the bucket. */
async function changeSetOf(
  { stack, region, template, tags }: Deployment,
  { bucket, config }: { bucket: string; config: AwsConfig },
): Promise<ChangeSet> {
  const name = `plan-${Date.now()}`;
  const object = { Bucket: bucket, Key: `plans/${name}.json` };
  const set = { StackName: stack, ChangeSetName: name };
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const [client, s3] = [new CloudFormationClient(config), new S3Client(config)];
  const inS3 = <T>(operation: string, call: () => Promise<T>) => guarded({ service: 'S3', operation, call });
  const inStack = <T>(operation: string, call: () => Promise<T>) =>
    guarded({ service: 'CloudFormation', operation, call });
  try {
    const put = new PutObjectCommand({ ...object, Body: JSON.stringify(template) });
    await inS3('PutObject', () => s3.send(put));
    const create = new CreateChangeSetCommand({
      ...set,
      ChangeSetType: 'UPDATE',
      TemplateURL: `https://s3.${region}.${domain}/${bucket}/${object.Key}`,
      Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM'],
      // Without them, the change set would take the stack's tags from every resource.
      Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
    });
    await inStack('CreateChangeSet', () => client.send(create));
    try {
      return await inStack('DescribeChangeSet', () => read(client, set));
    } finally {
      await inStack('DeleteChangeSet', () => client.send(new DeleteChangeSetCommand(set)));
    }
  } finally {
    await inS3('DeleteObject', () => s3.send(new DeleteObjectCommand(object)));
  }
}

async function read(
  client: CloudFormationClient,
  set: { StackName: string; ChangeSetName: string },
): Promise<ChangeSet> {
  // It rejects for a set that failed too, and the description says why.
  await waitUntilChangeSetCreateComplete({ client, maxWaitTime: LONGEST_WAIT }, set).catch(() => {});
  const found: ChangeSet = { status: undefined, reason: '', changes: [] };
  for await (const page of paginateDescribeChangeSet({ client }, set)) {
    found.status = page.Status;
    found.reason = page.StatusReason ?? '';
    found.changes.push(...(page.Changes ?? []));
  }
  return found;
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
    const names = [...new Set(properties.length > 0 ? properties : Scope)];
    const word = wordOf(change);
    return {
      word,
      text: `${word} ${ResourceType} ${LogicalResourceId}${names.length > 0 ? `: ${names.join(', ')}` : ''}`,
    };
  });
  const inOrder = WORDS.flatMap((word) => lines.filter((line) => line.word === word).map(({ text }) => text));
  return inOrder.length > 0 ? inOrder : ['nothing'];
}

const WORDS = ['add', 'change', 'no longer manage, but keep', 'perhaps REPLACE', 'REPLACE', 'REMOVE'] as const;

function wordOf({ Action, Replacement, PolicyAction }: ResourceChange): (typeof WORDS)[number] {
  if (Action === 'Add') return 'add';
  if (Action === 'Remove') return PolicyAction === 'Retain' ? 'no longer manage, but keep' : 'REMOVE';
  if (Replacement === 'True') return 'REPLACE';
  return Replacement === 'Conditional' ? 'perhaps REPLACE' : 'change';
}
