import { StoreError } from '../errors';
import { pausedQueues } from '../ops/pause';
import { connect } from './connect';
import type { Serverless, Template } from './serverless';
import { terminal } from './terminal';

/**
 * Keeps paused queues paused. A deployment replaces the template, and a template says of each mapping whether it is
 * enabled. So this writes the pauses into the template before Serverless uploads it. Rejects with a StoreError if the table
 * cannot be read: the deployment must not end a pause by accident.
 */
export async function keepPauses(serverless: Serverless): Promise<void> {
  const paused = await storedPauses(serverless);
  // The function of a queue has the queue's name.
  const ids = paused.map((queue) => serverless.getProvider('aws').naming.getLambdaLogicalId(queue));
  disableMappings(serverless.service.provider.compiledCloudFormationTemplate, ids);
  for (const queue of paused) terminal.note(`${queue} is paused and stays so. sls queues shows why.`);
}

/** After a rollback: the earlier template knows nothing of the pauses. */
export async function pauseAgain(serverless: Serverless): Promise<void> {
  const paused = await storedPauses(serverless);
  if (paused.length === 0) return;
  const { mappings } = await (await connect(serverless, terminal)).deployment();
  for (const queue of paused) {
    await mappings.set(queue, false);
    terminal.note(`${queue} is paused again.`);
  }
}

/** The first deployment has no table yet. */
async function storedPauses(serverless: Serverless): Promise<string[]> {
  const { reader } = await connect(serverless, terminal);
  return pausedQueues(reader.table, reader.queueNames).catch((error: unknown) => {
    if (error instanceof StoreError && error.code === 'DynamoDB.ResourceNotFoundException') return [];
    throw error;
  });
}

/** Switches off the event source mappings of these functions, by their logical ids. */
export function disableMappings({ Resources }: Template, functionIds: readonly string[]): void {
  for (const { Type, Properties } of Object.values(Resources)) {
    if (Type !== 'AWS::Lambda::EventSourceMapping') continue;
    const mapping = Properties as { FunctionName?: { 'Fn::GetAtt'?: string[] }; Enabled?: boolean };
    if (functionIds.includes(mapping.FunctionName?.['Fn::GetAtt']?.[0] ?? '')) mapping.Enabled = false;
  }
}
