import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { guarded } from '../aws/store-error';
import { StoreError } from '../errors';
import type { AwsConfig } from './serverless';

/** A deployed stack. */
export interface Stack {
  outputs: Record<string, string | undefined>;
  /** The last deployment. */
  at: Date | undefined;
}

/** Reads a stack. `undefined`: there is none in this account and region. Rejects with a StoreError. */
export async function readStack(config: AwsConfig, name: string): Promise<Stack | undefined> {
  const client = new CloudFormationClient(config);
  const call = () => client.send(new DescribeStacksCommand({ StackName: name }));
  try {
    const { Stacks: [stack] = [] } = await guarded({ service: 'CloudFormation', operation: 'DescribeStacks', call });
    if (!stack) return undefined;
    const outputs = (stack.Outputs ?? []).map(({ OutputKey = '', OutputValue }) => [OutputKey, OutputValue]);
    return { outputs: Object.fromEntries(outputs), at: stack.LastUpdatedTime ?? stack.CreationTime };
  } catch (error) {
    if (error instanceof StoreError && error.code === 'CloudFormation.ValidationError') return undefined;
    throw error;
  } finally {
    client.destroy();
  }
}
