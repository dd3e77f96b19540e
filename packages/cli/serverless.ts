import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import type { SQSClientConfig } from '@aws-sdk/client-sqs';

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
    functions: Record<string, { environment?: Environment; events?: object[] }>;
  };
  getProvider(name: 'aws'): {
    getStage(): string;
    getRegion(): string;
    getAccountInfo(): Promise<{ accountId: string; arn: string }>;
    naming: { getRoleLogicalId(): string; getLambdaLogicalId(functionKey: string): string };
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
