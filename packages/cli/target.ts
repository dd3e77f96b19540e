import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import type { SQSClientConfig } from '@aws-sdk/client-sqs';
import { OperatorError } from '../../lib/operate/ops/operator';
import type { Target } from '../../lib/platform/target';
import { fileOf } from '../../resources/instances/read';
import { ACCOUNT } from '../local/loopback';
import type { Output } from './terminal';

/** The parts of Serverless Framework that the plugin uses. The package has no types for them. */
export interface Serverless {
  classes: { Error: new (message: string, code: string) => Error };
  processedInput: { commands: string[] };
  pluginManager: {
    /** With the option, the command that runs the calling hook ends after it, without an error. */
    spawn(command: string, options?: { terminateLifecycleAfterExecution?: boolean }): Promise<void>;
  };
  service: {
    provider: {
      environment?: Environment;
      stackTags?: Record<string, string>;
      compiledCloudFormationTemplate: Template;
    };
    custom?: { instance?: { account?: string | undefined; hashKey?: string | undefined } };
    functions: Record<string, { environment?: Environment }>;
    /** What serverless.yml declares besides functions, with all variables resolved. */
    resources?: Template;
  };
  getProvider(name: 'aws'): {
    getStage(): string;
    getRegion(): string;
    getAccountInfo(): Promise<{ accountId: string; arn: string }>;
    naming: { getRoleLogicalId(): string };
    /** The configuration of all SDK clients of `sls`: region, credentials, proxy. */
    getAwsSdkV3Config(): Promise<AwsConfig>;
  };
}

/** For any SDK client. Clients share its request handler, which knows the proxy, so never destroy one. */
export type AwsConfig = Pick<DynamoDBClientConfig & S3ClientConfig & SQSClientConfig, 'region' | 'credentials'>;

export type Environment = Record<string, string>;

export interface Template {
  Resources: Record<string, { Type: string; DependsOn?: string | string[]; Properties?: unknown }>;
}

/** The deployment of the `sls` call, with its AWS account. `by`: the ARN of the credentials. */
export interface NamedTarget extends Target {
  account: string;
  by: string;
}

/** The deployment that this `sls` call is about. Asks nothing of AWS. */
export function targetOf(serverless: Serverless): Target {
  const aws = serverless.getProvider('aws');
  const instance = serverless.service.provider.environment?.INSTANCE ?? '';
  return { instance, stage: aws.getStage(), region: aws.getRegion() };
}

/** The same with its account and caller, which STS knows. The service on this machine knows no users. */
export async function namedTargetOf(serverless: Serverless): Promise<NamedTarget> {
  const target = targetOf(serverless);
  if (target.stage === 'local') return { ...target, account: ACCOUNT, by: 'this machine' };
  try {
    const { accountId, arn } = await serverless.getProvider('aws').getAccountInfo();
    return { ...target, account: accountId, by: arn };
  } catch (error) {
    const [why = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    // A host of AWS has the region in its name.
    if (/ENOTFOUND|EAI_AGAIN/.test(why))
      throw new OperatorError(`${fileOf(target.instance)}: region: AWS has no host for ${target.region}: ${why}`);
    throw new OperatorError(`The AWS account of these credentials is unknown: ${why}`);
  }
}

/**
 * Prints the first line of every command. Throws an OperatorError for credentials of another account than the one that
 * the instance's file names.
 */
export function announce(target: NamedTarget, serverless: Serverless, out: Output): void {
  const { instance, stage, account, region } = target;
  const where = stage === 'local' ? 'the service on this machine' : `account ${account} · ${region}`;
  out.note(`${instance} · stage ${stage} · ${where}`);
  const own = serverless.service.custom?.instance?.account;
  if (stage !== 'local' && account !== own)
    throw new OperatorError(`${fileOf(instance)}: account: is ${own}, but the credentials are of ${account}`);
}
