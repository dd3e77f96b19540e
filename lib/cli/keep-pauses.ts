import { StoreError } from '../errors';
import { pausedQueues } from '../ops/pause';
import { connect } from './connect';
import type { Serverless, Template } from './serverless';
import { readTemplate } from './stack';
import { terminal } from './terminal';

/**
 * Keeps paused queues paused. A deployment replaces the template, and a template says of each mapping whether it is
 * enabled. So this writes the pauses into the template before Serverless uploads it. Rejects with a StoreError if the table
 * cannot be read: the deployment must not end a pause by accident.
 */
export async function keepPauses(serverless: Serverless): Promise<void> {
  const { paused } = await storedPauses(serverless);
  const ids = paused.map((queue) => functionId(serverless, queue));
  const template = serverless.service.provider.compiledCloudFormationTemplate;
  for (const mapping of mappingsOf(template, ids)) mapping.Enabled = false;
  for (const queue of paused) terminal.note(`${queue} is paused and stays so. sls queues shows why.`);
}

/**
 * After a roll-back of the stack. The earlier template has the pauses of its own time: it may end one of today, and begin one
 * that an operator has ended since. Rejects with a StoreError.
 */
export async function restorePauses(serverless: Serverless, stack: string): Promise<void> {
  const { paused, queues } = await storedPauses(serverless);
  const template = await readTemplate(await serverless.getProvider('aws').getAwsSdkV3Config(), stack);
  const ended = queues.filter(
    (queue) => !paused.includes(queue) && template && isDisabled(template, functionId(serverless, queue)),
  );
  if (paused.length + ended.length === 0) return;
  const { mappings } = await (await connect(serverless, terminal)).deployment();
  for (const queue of paused) {
    await mappings.set(queue, false);
    terminal.note(`${queue} is paused again.`);
  }
  for (const queue of ended) {
    await mappings.set(queue, true);
    terminal.note(`${queue} was paused at that deployment and is not now, so Lambda receives from it again.`);
  }
}

/** The function of a queue has the queue's name. */
const functionId = (serverless: Serverless, queue: string): string =>
  serverless.getProvider('aws').naming.getLambdaLogicalId(queue);

/** All queues, and the paused ones. The first deployment has no table yet. */
async function storedPauses(serverless: Serverless): Promise<{ queues: readonly string[]; paused: string[] }> {
  const { reader } = await connect(serverless, terminal);
  const queues = reader.queueNames;
  const paused = await pausedQueues(reader.table, queues).catch((error: unknown) => {
    if (error instanceof StoreError && error.code === 'DynamoDB.ResourceNotFoundException') return [];
    throw error;
  });
  return { queues, paused };
}

interface Mapping {
  FunctionName?: { 'Fn::GetAtt'?: string[] };
  Enabled?: boolean;
}

/** The event source mappings of these functions, by their logical ids. */
const mappingsOf = ({ Resources }: Template, functionIds: readonly string[]): Mapping[] =>
  Object.values(Resources)
    .flatMap(({ Type, Properties }) => (Type === 'AWS::Lambda::EventSourceMapping' ? [Properties as Mapping] : []))
    .filter(({ FunctionName }) => functionIds.includes(FunctionName?.['Fn::GetAtt']?.[0] ?? ''));

const isDisabled = (template: Template, id: string): boolean =>
  mappingsOf(template, [id]).some(({ Enabled }) => Enabled === false);
