import { CloudFormationClient, DescribeStacksCommand, GetTemplateCommand } from '@aws-sdk/client-cloudformation';
import { guarded } from '../aws/store-error';
import { StoreError } from '../errors';
import type { AwsConfig, Template } from './serverless';

/** A deployed stack. */
export interface Stack {
  outputs: Record<string, string | undefined>;
  /** The last deployment. */
  at: Date | undefined;
}

/** Reads a stack. `undefined`: there is none in this account and region. Rejects with a StoreError. */
export async function readStack(config: AwsConfig, name: string): Promise<Stack | undefined> {
  const { Stacks: [stack] = [] } =
    (await ofStack(config, 'DescribeStacks', (client) =>
      client.send(new DescribeStacksCommand({ StackName: name })),
    )) ?? {};
  if (!stack) return undefined;
  const outputs = (stack.Outputs ?? []).map(({ OutputKey = '', OutputValue }) => [OutputKey, OutputValue]);
  return { outputs: Object.fromEntries(outputs), at: stack.LastUpdatedTime ?? stack.CreationTime };
}

/** The template of a deployed stack, as `sls` sent it. `undefined`: there is no stack. Rejects with a StoreError. */
export async function readTemplate(config: AwsConfig, name: string): Promise<Template | undefined> {
  const answer = await ofStack(config, 'GetTemplate', (client) =>
    client.send(new GetTemplateCommand({ StackName: name, TemplateStage: 'Original' })),
  );
  return answer && (JSON.parse(answer.TemplateBody ?? '{"Resources":{}}') as Template);
}

/** A call about a stack. CloudFormation calls a missing stack a validation error. */
async function ofStack<T>(
  config: AwsConfig,
  operation: string,
  send: (client: CloudFormationClient) => Promise<T>,
): Promise<T | undefined> {
  const client = new CloudFormationClient(config);
  try {
    return await guarded({ service: 'CloudFormation', operation, call: () => send(client) });
  } catch (error) {
    if (error instanceof StoreError && error.code === 'CloudFormation.ValidationError') return undefined;
    throw error;
  } finally {
    client.destroy();
  }
}
