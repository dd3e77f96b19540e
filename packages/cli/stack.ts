import {
  CloudFormationClient,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  DescribeStacksCommand,
  GetTemplateCommand,
  paginateDescribeChangeSet,
  type ResourceChange,
  waitUntilChangeSetCreateComplete,
} from '@aws-sdk/client-cloudformation';
import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { OperatorError } from '../../lib/operate/ops/operator';
import { guarded } from '../../lib/platform/aws/clients';
import { StoreError } from '../../lib/platform/errors';
import { jsonOf } from '../../lib/platform/text';
import type { AwsConfig, Template } from './target';

/**
 * A deployed stack. `at`: its last deployment. `undefined`: there is none in this account and region. Rejects with a
 * StoreError.
 */
export async function readStack(config: AwsConfig, name: string) {
  const ask = new DescribeStacksCommand({ StackName: name });
  const answer = await ofStack('DescribeStacks', () => new CloudFormationClient(config).send(ask));
  const [stack] = answer?.Stacks ?? [];
  if (!stack) return undefined;
  const outputs = (stack.Outputs ?? []).map(({ OutputKey = '', OutputValue }) => [OutputKey, OutputValue] as const);
  const byName: Record<string, string | undefined> = Object.fromEntries(outputs);
  return { outputs: byName, at: stack.LastUpdatedTime ?? stack.CreationTime };
}

/** The resources in the template of a deployed stack, as `sls` sent it. Empty: there is no stack. Rejects as `readStack`. */
export async function deployedResources(config: AwsConfig, name: string): Promise<Template['Resources']> {
  const ask = new GetTemplateCommand({ StackName: name, TemplateStage: 'Original' });
  const answer = await ofStack('GetTemplate', () => new CloudFormationClient(config).send(ask));
  const template = jsonOf(answer?.TemplateBody ?? '') as Partial<Template> | undefined;
  return template?.Resources ?? {};
}

/** A call about a stack. CloudFormation calls a missing stack a validation error. */
async function ofStack<T>(operation: string, call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await guarded('CloudFormation')(operation, call);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'CloudFormation.ValidationError') return undefined;
    throw error;
  }
}

/** Seconds. CloudFormation compares a template within seconds. */
const LONGEST_WAIT = 300;

const UNCHANGED = /didn't contain changes|No updates are to be performed/;

/**
 * What a deployment would do to the stack, a line for each resource. CloudFormation compares the templates. A stack
 * that does not exist yet gets no change set, which would leave an empty stack behind: all its resources are new.
 * `tags`: those of the stack. Rejects with a StoreError, or with an OperatorError if CloudFormation refuses the
 * template.
 */
export async function plannedChanges(
  { stack, template, tags }: { stack: string; template: Template; tags: Record<string, string> },
  config: AwsConfig,
): Promise<string[]> {
  const bucket = (await readStack(config, stack))?.outputs.ServerlessDeploymentBucketName;
  if (bucket === undefined)
    return changeLines(
      Object.entries(template.Resources).map(([LogicalResourceId, { Type: ResourceType }]) => {
        return { Action: 'Add', ResourceType, LogicalResourceId };
      }),
    );
  const s3 = new S3Client(config);
  const region = await s3.config.region();
  const set = { StackName: stack, ChangeSetName: `plan-${Date.now()}` };
  // The template is too large for a request, so it goes through the bucket.
  const object = { Bucket: bucket, Key: `plans/${set.ChangeSetName}.json` };
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const make = new CreateChangeSetCommand({
    ...set,
    ChangeSetType: 'UPDATE',
    TemplateURL: `https://s3.${region}.${domain}/${bucket}/${object.Key}`,
    Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM'],
    // Without them, the change set would take the stack's tags from every resource.
    Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
  });
  const client = new CloudFormationClient(config);
  const inS3 = guarded('S3');
  const ask = guarded('CloudFormation');
  try {
    const put = new PutObjectCommand({ ...object, Body: JSON.stringify(template) });
    await inS3('PutObject', () => s3.send(put));
    await ask('CreateChangeSet', () => client.send(make));
    try {
      const { status, reason, changes } = await ask('DescribeChangeSet', () => read(client, set));
      if (UNCHANGED.test(reason)) return ['nothing'];
      if (status === 'CREATE_COMPLETE') return changeLines(changes);
      throw new OperatorError(`CloudFormation made no change set (${status}): ${reason}`);
    } finally {
      await ask('DeleteChangeSet', () => client.send(new DeleteChangeSetCommand(set)));
    }
  } finally {
    await inS3('DeleteObject', () => s3.send(new DeleteObjectCommand(object)));
  }
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

/** Changes as lines for people: `change AWS::SQS::Queue FeedbackQueue: VisibilityTimeout`. Dangerous ones come last. */
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
