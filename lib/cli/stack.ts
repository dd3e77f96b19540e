import { CloudFormationClient, DescribeStacksCommand, GetTemplateCommand } from '@aws-sdk/client-cloudformation';
import * as z from 'zod';
import { guarded } from '../aws/store-error';
import { json } from '../config/values';
import { StoreError } from '../errors';
import { folderOf } from '../instances/deployed';
import type { Instance } from '../instances/instance';
import type { Problem } from '../instances/problems';
import { dlqName, queueName } from '../jobs/keys';
import { OperatorError } from '../ops/operator';
import type { AwsConfig, Template } from './serverless';

const templateSchema = json(z.object({ Resources: z.record(z.string(), z.looseObject({ Type: z.string() })) }));

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
  return answer && templateOf(answer.TemplateBody ?? '{"Resources":{}}', `the stack ${name}`);
}

/** Reads a template that Serverless wrote. Throws an OperatorError if its text is damaged. */
export function templateOf(text: string, of: string): Template {
  const { data } = templateSchema.safeParse(text);
  if (data) return data as Template;
  throw new OperatorError(`The template of ${of} is not one that Serverless wrote. Nothing was changed.`);
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

/** What a deployment would leave behind: its old folder, and queues that it removes or replaces by another type. */
export interface Moves {
  problems: Problem[];
  /** The URLs of those queues and DLQs. */
  left: string[];
}

/** Compares an instance's file with the outputs of its deployed stack. `undefined`: nothing is deployed. */
export function movesOf(instance: Instance, deployed: Stack | undefined): Moves {
  const { Folder: folder, ...outputs } = deployed?.outputs ?? {};
  const kept = instance.rows.flatMap(({ name, type }) =>
    [queueName, dlqName].map((nameOf) => nameOf(instance.name, name, type)),
  );
  const left = Object.entries(outputs).flatMap(([key, url = '']) =>
    /(Queue|Dlq)Url$/.test(key) && !kept.includes(nameOf(url)) ? [url] : [],
  );
  const moved = folder !== undefined && folder !== folderOf(instance);
  return {
    problems: [
      ...left.map((url) => ({ path: 'queues', rule: `the deployed queue ${nameOf(url)} would be removed` })),
      ...(moved ? [{ path: 'prefix', rule: `the folder would change from ${folder} to ${folderOf(instance)}` }] : []),
    ],
    left,
  };
}

const nameOf = (url: string): string => url.split('/').at(-1) ?? '';
