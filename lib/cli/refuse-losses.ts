import { realQueues, sqsClient } from '../aws/queues';
import { StoreError } from '../errors';
import { linesOf } from '../instances/problems';
import { queueUrl } from '../jobs/keys';
import { OperatorError } from '../ops/operator';
import { lossesOf, lossProblems, type Messages } from './losses';
import { moveProblems, placeIn } from './moves';
import type { AwsConfig, Template } from './serverless';
import { readTemplate } from './stack';

/**
 * Rejects with an OperatorError if a deployment of the template would lose messages or rows of the deployed stack, or leave
 * work behind in its folder or queues. `unfinished`: how many jobs and campaigns have not ended, or more.
 */
export async function refuseLosses(
  { stack, template }: { stack: string; template: Template },
  deployment: { config: AwsConfig; region: string; account: string; unfinished: () => Promise<number> },
): Promise<void> {
  const deployed = await readTemplate(deployment.config, stack);
  const losses = deployed ? lossesOf(deployed, template) : [];
  const { messages, close } = messagesIn(deployment);
  const lost = await lossProblems(losses, messages).finally(close);
  const moved = await moveProblems(deployed, placeIn(template), deployment.unfinished);
  const problems = [...lost, ...linesOf('the template', moved)];
  if (problems.length > 0)
    throw new OperatorError(['This deployment would lose data. Nothing was changed.', ...problems].join('\n'));
}

function messagesIn({ config, region, account }: { config: AwsConfig; region: string; account: string }) {
  const sqs = sqsClient(config);
  const queues = realQueues(sqs);
  const messages: Messages = async (name) => {
    try {
      const { visible, inFlight } = await queues.depth(queueUrl(region, account, name));
      return visible + inFlight;
    } catch (error) {
      if (error instanceof StoreError && error.code === 'SQS.QueueDoesNotExist') return 0;
      throw error;
    }
  };
  return { messages, close: () => sqs.destroy() };
}
