import { StoreError } from '../errors';
import { pausedQueues } from '../ops/pause';
import { connect } from './connect';
import type { Serverless, Template } from './serverless';
import { readTemplate } from './stack';
import type { NamedTarget } from './target';
import { terminal } from './terminal';

/**
 * Gives the template the deployed event source mappings of the paused queues, so that CloudFormation does not touch them. An
 * update would enable them. Rejects with a StoreError if the table cannot be read.
 */
export async function keepPauses(serverless: Serverless, target: NamedTarget, stack: string): Promise<void> {
  const { table, queueNames } = await connect(serverless, target, terminal);
  const paused = await pausedQueues(table, queueNames).catch((error: unknown) => {
    // The first deployment has no table yet.
    if (error instanceof StoreError && error.code === 'DynamoDB.ResourceNotFoundException') return [];
    throw error;
  });
  if (paused.length === 0) return;
  const aws = serverless.getProvider('aws');
  const deployed = await readTemplate(await aws.getAwsSdkV3Config(), stack);
  const { compiledCloudFormationTemplate: next } = serverless.service.provider;
  for (const queue of paused) {
    Object.assign(next.Resources, deployed && mappingsOf(deployed, aws.naming.getLambdaLogicalId(queue)));
    terminal.note(`${queue} is paused and stays so. Its batch and concurrency change with the first deployment after.`);
  }
}

const mappingsOf = ({ Resources }: Template, functionId: string): Template['Resources'] =>
  Object.fromEntries(
    Object.entries(Resources).filter(([, { Type, Properties }]) => {
      const { FunctionName } = (Properties ?? {}) as { FunctionName?: { 'Fn::GetAtt'?: string[] } };
      return Type === 'AWS::Lambda::EventSourceMapping' && FunctionName?.['Fn::GetAtt']?.[0] === functionId;
    }),
  );
