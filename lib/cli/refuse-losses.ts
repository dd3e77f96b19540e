import { CloudWatchClient, GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { realQueues, sqsClient } from '../aws/queues';
import { guarded } from '../aws/store-error';
import { StoreError } from '../errors';
import { linesOf } from '../instances/problems';
import { queueUrl } from '../jobs/keys';
import { OperatorError } from '../ops/operator';
import { type Held, lossesOf, lossProblems } from './losses';
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
  const { held, close } = heldBy(deployment);
  const lost = await lossProblems(losses, held).finally(close);
  const moved = await moveProblems(deployed, placeIn(template), deployment.unfinished);
  const problems = [...lost, ...linesOf('the template', moved)];
  if (problems.length > 0)
    throw new OperatorError(['This deployment would lose data. Nothing was changed.', ...problems].join('\n'));
}

function heldBy({ config, region, account }: { config: AwsConfig; region: string; account: string }) {
  const sqs = sqsClient(config);
  const queues = realQueues(sqs);
  const cloudWatch = new CloudWatchClient(config);
  const held: Held = {
    messages: async (name) => {
      try {
        const { visible, inFlight } = await queues.depth(queueUrl(region, account, name));
        return visible + inFlight;
      } catch (error) {
        if (error instanceof StoreError && error.code === 'SQS.QueueDoesNotExist') return 0;
        throw error;
      }
    },
    oldest: (name) => oldestMessage(cloudWatch, name),
  };
  return {
    held,
    close: () => {
      sqs.destroy();
      cloudWatch.destroy();
    },
  };
}

/** SQS reports each minute, a few minutes late. */
const LOOK_BACK_MS = 15 * 60_000;

async function oldestMessage(client: CloudWatchClient, queue: string): Promise<number | undefined> {
  const now = Date.now();
  const call = () =>
    client.send(
      new GetMetricStatisticsCommand({
        Namespace: 'AWS/SQS',
        MetricName: 'ApproximateAgeOfOldestMessage',
        Dimensions: [{ Name: 'QueueName', Value: queue }],
        StartTime: new Date(now - LOOK_BACK_MS),
        EndTime: new Date(now),
        Period: 60,
        Statistics: ['Maximum'],
      }),
    );
  const { Datapoints = [] } = await guarded({ service: 'CloudWatch', operation: 'GetMetricStatistics', call });
  return Datapoints.length === 0 ? undefined : Math.max(...Datapoints.map(({ Maximum = 0 }) => Maximum));
}
