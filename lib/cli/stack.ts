import { CloudFormationClient, DescribeStacksCommand, GetTemplateCommand } from '@aws-sdk/client-cloudformation';
import * as z from 'zod';
import { guarded } from '../aws/store-error';
import { json } from '../config/values';
import { StoreError } from '../errors';
import { OperatorError } from '../ops/operator';
import type { AwsConfig, Template } from './serverless';

const templateSchema = json(z.object({ Resources: z.record(z.string(), z.looseObject({ Type: z.string() })) }));

/** A deployed stack. `at`: the last deployment. */
export interface Stack {
  outputs: Record<string, string | undefined>;
  at: Date | undefined;
}

/** Reads a stack. `undefined`: there is none in this account and region. Rejects with a StoreError. */
export async function readStack(config: AwsConfig, name: string): Promise<Stack | undefined> {
  const answer = await ofStack(config, 'DescribeStacks', (client) =>
    client.send(new DescribeStacksCommand({ StackName: name })),
  );
  const [stack] = answer?.Stacks ?? [];
  if (!stack) return undefined;
  const outputs = (stack.Outputs ?? []).map(({ OutputKey = '', OutputValue }) => [OutputKey, OutputValue]);
  return { outputs: Object.fromEntries(outputs), at: stack.LastUpdatedTime ?? stack.CreationTime };
}

/**
 * The template of a deployed stack, as `sls` sent it. `undefined`: there is no stack. Rejects with a StoreError, or with an
 * OperatorError if its text is damaged.
 */
export async function readTemplate(config: AwsConfig, name: string): Promise<Template | undefined> {
  const answer = await ofStack(config, 'GetTemplate', (client) =>
    client.send(new GetTemplateCommand({ StackName: name, TemplateStage: 'Original' })),
  );
  if (!answer) return undefined;
  const { data } = templateSchema.safeParse(answer.TemplateBody ?? '{"Resources":{}}');
  if (data) return data as Template;
  throw new OperatorError(`The template of the stack ${name} is not one that Serverless wrote. Nothing was changed.`);
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
  }
}
