import {
  CloudFormationClient,
  DescribeStacksCommand,
  GetStackPolicyCommand,
  ListChangeSetsCommand,
  ListStacksCommand,
  SetStackPolicyCommand,
  UpdateTerminationProtectionCommand,
} from '@aws-sdk/client-cloudformation';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { IAMClient, ListRolesCommand } from '@aws-sdk/client-iam';
import {
  GetFunctionCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  ListFunctionsCommand,
} from '@aws-sdk/client-lambda';
import {
  CreateBucketCommand,
  GetObjectCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutPublicAccessBlockCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetQueueAttributesCommand, ListQueuesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';

// The clients of CloudFormation, IAM and Lambda are dependencies of Serverless, which this test needs anyway.

/** Reads what is deployed in an account. */
export function createAccount(endpoint: string) {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = { region: 'us-east-1', endpoint, credentials };
  const sqs = new SQSClient({ ...client, useQueueUrlAsEndpoint: false });
  const dynamodb = new DynamoDBClient(client);
  const iam = new IAMClient(client);
  const lambda = new LambdaClient(client);
  const cloudformation = new CloudFormationClient(client);
  const s3 = new S3Client(client);
  const ssm = new SSMClient(client);
  const secretsManager = new SecretsManagerClient(client);

  return {
    /** What must exist before a deployment. */
    async create(found: { buckets: string[]; parameters: string[]; secrets: string[] }): Promise<void> {
      for (const Bucket of found.buckets) await s3.send(new CreateBucketCommand({ Bucket }));
      for (const Name of found.parameters)
        await ssm.send(new PutParameterCommand({ Name, Value: 'x', Type: 'SecureString' }));
      for (const Name of found.secrets) await secretsManager.send(new CreateSecretCommand({ Name, SecretString: 'x' }));
    },
    /** What the printed commands do to a bucket that production refuses. */
    async protect(Bucket: string, { policy, rules }: { policy: string; rules: LifecycleRule[] }): Promise<void> {
      const PublicAccessBlockConfiguration = {
        ...{ BlockPublicAcls: true, IgnorePublicAcls: true },
        ...{ BlockPublicPolicy: true, RestrictPublicBuckets: true },
      };
      await s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration }));
      await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: policy }));
      await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
      await s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: rules } }));
    },
    async object(Bucket: string, Key: string): Promise<string | undefined> {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
      return Body?.transformToString();
    },
    async stack(name: string) {
      const { Stacks = [] } = await cloudformation.send(new DescribeStacksCommand({ StackName: name }));
      const { Outputs = [], Tags = [], EnableTerminationProtection } = Stacks[0] ?? {};
      return {
        outputs: Object.fromEntries(Outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue])),
        tags: Object.fromEntries(Tags.map(({ Key, Value }) => [Key, Value])),
        isProtected: EnableTerminationProtection,
      };
    },
    /** Lets a stack be removed. */
    async unprotect(stack: string): Promise<void> {
      await cloudformation.send(
        new UpdateTerminationProtectionCommand({ StackName: stack, EnableTerminationProtection: false }),
      );
    },
    async stackNames(): Promise<(string | undefined)[]> {
      const { StackSummaries = [] } = await cloudformation.send(new ListStacksCommand({}));
      return StackSummaries.map(({ StackName }) => StackName);
    },
    /** The change sets of plans. moto lists those of all stacks, executed ones too. */
    async plans(): Promise<(string | undefined)[]> {
      const { Summaries = [] } = await cloudformation.send(new ListChangeSetsCommand({ StackName: 'any' }));
      return Summaries.map(({ ChangeSetName }) => ChangeSetName).filter((name) => name?.startsWith('plan-'));
    },
    async stackPolicy(stack: string): Promise<string | undefined> {
      const { StackPolicyBody } = await cloudformation.send(new GetStackPolicyCommand({ StackName: stack }));
      return StackPolicyBody;
    },
    /** Lifts the stack policy, as docs/runbook.md says. */
    async lift(stack: string): Promise<void> {
      const Statement = [{ Effect: 'Allow', Principal: '*', Action: 'Update:*', Resource: '*' }];
      const StackPolicyBody = JSON.stringify({ Statement });
      await cloudformation.send(new SetStackPolicyCommand({ StackName: stack, StackPolicyBody }));
    },
    async send(queue: string): Promise<void> {
      const QueueUrl = `${endpoint}/123456789012/${queue}`;
      await sqs.send(
        new SendMessageCommand({ QueueUrl, MessageBody: '{}', MessageGroupId: 'g', MessageDeduplicationId: 'd' }),
      );
    },
    async queueNames(): Promise<string[]> {
      const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}));
      return QueueUrls.map((url) => url.slice(url.lastIndexOf('/') + 1)).sort();
    },
    async queue(QueueUrl: string) {
      return (await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))).Attributes ?? {};
    },
    async tableNames(): Promise<string[]> {
      const { TableNames = [] } = await dynamodb.send(new ListTablesCommand({}));
      return TableNames.sort();
    },
    async functionNames(): Promise<(string | undefined)[]> {
      const { Functions = [] } = await lambda.send(new ListFunctionsCommand({}));
      return Functions.map(({ FunctionName }) => FunctionName).sort();
    },
    async lambdaFunction(name: string) {
      return (await lambda.send(new GetFunctionCommand({ FunctionName: name }))).Configuration;
    },
    async mappings(name: string) {
      // moto's filter by function always returns nothing.
      const { EventSourceMappings = [] } = await lambda.send(new ListEventSourceMappingsCommand({}));
      return EventSourceMappings.filter(({ FunctionArn }) => FunctionArn?.endsWith(`:${name}`));
    },
    async roleNames(): Promise<(string | undefined)[]> {
      const { Roles = [] } = await iam.send(new ListRolesCommand({}));
      return Roles.map(({ RoleName }) => RoleName).sort();
    },
  };
}

export type Account = ReturnType<typeof createAccount>;
