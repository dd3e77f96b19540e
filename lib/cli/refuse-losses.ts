import { realQueues, sqsClient } from '../aws/queues';
import { StoreError } from '../errors';
import { linesOf } from '../instances/problems';
import { queueUrl } from '../jobs/keys';
import { OperatorError } from '../ops/operator';
import { type Loss, lossesOf, lossProblems, removedWith } from './losses';
import { moveProblems, placeIn } from './moves';
import type { AwsConfig, Template } from './serverless';

/** Where the deployed stack is. */
export interface Account {
  config: AwsConfig;
  region: string;
  account: string;
}

/**
 * Rejects with an OperatorError if a deployment of the next template would lose messages or rows of the deployed stack, or
 * leave work behind in its folder or queues. `unfinished`: how many jobs and campaigns have not ended, or more.
 */
export async function refuseLosses(
  { deployed, next }: { deployed: Template; next: Template },
  { unfinished, ...account }: Account & { unfinished: () => Promise<number> },
): Promise<void> {
  const lost = await problemsOf(lossesOf(deployed, next), account);
  const moved = await moveProblems(deployed, placeIn(next), unfinished);
  refuse([...lost, ...linesOf('the template', moved)]);
}

/** Rejects with an OperatorError while a queue that a removal of the stack would delete has messages. */
export const refuseRemoval = async (deployed: Template, account: Account): Promise<void> =>
  refuse(await problemsOf(removedWith(deployed), account));

function refuse(problems: string[]): void {
  if (problems.length > 0)
    throw new OperatorError(['This would lose data. Nothing was changed.', ...problems].join('\n'));
}

async function problemsOf(losses: readonly Loss[], { config, region, account }: Account): Promise<string[]> {
  const sqs = sqsClient(config);
  const queues = realQueues(sqs);
  const messages = async (name: string): Promise<number> => {
    try {
      const { visible, inFlight } = await queues.depth(queueUrl(region, account, name));
      return visible + inFlight;
    } catch (error) {
      if (error instanceof StoreError && error.code === 'SQS.QueueDoesNotExist') return 0;
      throw error;
    }
  };
  return lossProblems(losses, messages).finally(() => sqs.destroy());
}
