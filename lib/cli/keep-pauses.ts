import { StoreError } from '../errors';
import { followPause, pausedQueues } from '../ops/pause';
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
 * Puts the mappings as the stored pauses say, after a deployment or a roll-back. An operator may have paused or resumed a
 * queue meanwhile, and an earlier template has the pauses of its own time. A mapping that is off and was not disabled by the
 * template stays so. Rejects with a StoreError.
 */
export async function restorePauses(serverless: Serverless, stack: string): Promise<void> {
  const { paused, queues } = await storedPauses(serverless);
  const template = await readTemplate(await serverless.getProvider('aws').getAwsSdkV3Config(), stack);
  const ended = queues.filter(
    (queue) => !paused.includes(queue) && template && isDisabled(template, functionId(serverless, queue)),
  );
  if (paused.length + ended.length === 0) return;
  const deployment = await (await connect(serverless, terminal)).deployment();
  for (const queue of [...paused, ...ended]) {
    if ((await deployment.mappings.isOn(queue)) !== paused.includes(queue)) continue;
    const pause = await followPause(deployment, queue);
    terminal.note(
      pause ? `${queue} is paused again.` : `${queue} is not paused any more, so Lambda receives from it again.`,
    );
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
