import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { DynamoDB } from '@aws-sdk/client-dynamodb';
import { IAM } from '@aws-sdk/client-iam';
import { Lambda } from '@aws-sdk/client-lambda';
import { type LifecycleRule, S3 } from '@aws-sdk/client-s3';
import { SecretsManager } from '@aws-sdk/client-secrets-manager';
import { SQS } from '@aws-sdk/client-sqs';
import { SSM } from '@aws-sdk/client-ssm';
import { safeSettings } from '../support/bucket-settings';
import { watched } from '../support/running';

/** The missing Python tools that this test needs. */
export const missingTools = (): string[] => [
  ...['moto_server', 'cfn-lint'].filter((tool) => spawnSync(tool, ['--help'], { stdio: 'ignore' }).status !== 0),
  // moto_server.py extends the server, so the module must be importable.
  ...(spawnSync('python3', ['-c', 'import moto.server'], { stdio: 'ignore' }).status === 0 ? [] : ['moto for python3']),
];

// The clients of CloudFormation, IAM and Lambda are dependencies of Serverless, which this test needs anyway.

/** Starts moto's server, which chooses a free port of 127.0.0.1, and reads what is deployed in its account. */
export async function startAccount() {
  // A process group of its own, so that stop() also reaches child processes.
  const program = [join(__dirname, 'moto_server.py')];
  const server = watched(spawn('python3', program, { stdio: ['ignore', 'pipe', 'pipe'], detached: true }));
  const stop = () => server.end('SIGTERM', { group: true });
  // An IP address, because the SDK would put the bucket's name in front of a host name.
  const [endpoint] = await server.says(/http:\/\/127\.0\.0\.1:\d+/).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const urlOf = (queue: string) => `${endpoint}/123456789012/${queue}`;
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = { region: 'us-east-1', endpoint, credentials };
  const sqs = new SQS({ ...client, useQueueUrlAsEndpoint: false });
  const dynamodb = new DynamoDB(client);
  const iam = new IAM(client);
  const lambda = new Lambda(client);
  const cloudformation = new CloudFormation(client);
  const s3 = new S3(client);
  const ssm = new SSM(client);
  const secretsManager = new SecretsManager(client);

  return {
    /** What `sls` needs to use this account. */
    env: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: 'us-east-1',
    },
    stop,
    /** What must exist before a deployment. */
    async create(found: { buckets: string[]; parameters: string[]; secrets: string[] }): Promise<void> {
      for (const Bucket of found.buckets) await s3.createBucket({ Bucket });
      for (const Name of found.parameters) await ssm.putParameter({ Name, Value: 'x', Type: 'SecureString' });
      for (const Name of found.secrets) await secretsManager.createSecret({ Name, SecretString: 'x' });
    },
    /** What the printed commands do to a bucket that production refuses. */
    async protect(Bucket: string, { policy, rules }: { policy: string; rules: LifecycleRule[] }): Promise<void> {
      const { publicAccessBlock: PublicAccessBlockConfiguration } = safeSettings(Bucket, []);
      await s3.putPublicAccessBlock({ Bucket, PublicAccessBlockConfiguration });
      await s3.putBucketPolicy({ Bucket, Policy: policy });
      await s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Enabled' } });
      await s3.putBucketLifecycleConfiguration({ Bucket, LifecycleConfiguration: { Rules: rules } });
    },
    object: async (Bucket: string, Key: string) => (await s3.getObject({ Bucket, Key })).Body?.transformToString(),
    async stack(StackName: string) {
      const { Stacks = [] } = await cloudformation.describeStacks({ StackName });
      const { Outputs = [], EnableTerminationProtection } = Stacks[0] ?? {};
      return {
        outputs: Object.fromEntries(Outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue])),
        isProtected: EnableTerminationProtection,
      };
    },
    /** Lets a stack be removed. */
    unprotect: (StackName: string) =>
      cloudformation.updateTerminationProtection({ StackName, EnableTerminationProtection: false }),
    async stackNames() {
      const { StackSummaries = [] } = await cloudformation.listStacks({});
      return StackSummaries.map(({ StackName }) => StackName);
    },
    /** The change sets of plans. moto lists those of all stacks, executed ones too. */
    async plans() {
      const { Summaries = [] } = await cloudformation.listChangeSets({ StackName: 'any' });
      return Summaries.map(({ ChangeSetName }) => ChangeSetName).filter((name) => name?.startsWith('plan-'));
    },
    stackPolicy: async (StackName: string) => (await cloudformation.getStackPolicy({ StackName })).StackPolicyBody,
    /** Lifts the stack policy, as docs/runbook.md says. */
    async lift(StackName: string): Promise<void> {
      const Statement = [{ Effect: 'Allow', Principal: '*', Action: 'Update:*', Resource: '*' }];
      await cloudformation.setStackPolicy({ StackName, StackPolicyBody: JSON.stringify({ Statement }) });
    },
    async send(queue: string): Promise<void> {
      const identity = { MessageGroupId: 'g', MessageDeduplicationId: 'd' };
      await sqs.sendMessage({ QueueUrl: urlOf(queue), MessageBody: '{}', ...identity });
    },
    async queueNames() {
      const { QueueUrls = [] } = await sqs.listQueues({});
      return QueueUrls.map((url) => url.slice(url.lastIndexOf('/') + 1)).sort();
    },
    async queue(name: string) {
      return (await sqs.getQueueAttributes({ QueueUrl: urlOf(name), AttributeNames: ['All'] })).Attributes ?? {};
    },
    tableNames: async () => (await dynamodb.listTables({})).TableNames?.sort(),
    async functionNames() {
      const { Functions = [] } = await lambda.listFunctions({});
      return Functions.map(({ FunctionName }) => FunctionName).sort();
    },
    lambdaFunction: async (FunctionName: string) => (await lambda.getFunction({ FunctionName })).Configuration,
    async mappings(name: string) {
      // moto's filter by function always returns nothing.
      const { EventSourceMappings = [] } = await lambda.listEventSourceMappings({});
      return EventSourceMappings.filter(({ FunctionArn }) => FunctionArn?.endsWith(`:${name}`));
    },
    async roleNames() {
      const { Roles = [] } = await iam.listRoles({});
      return Roles.map(({ RoleName }) => RoleName).sort();
    },
  };
}

export type Account = Awaited<ReturnType<typeof startAccount>>;
