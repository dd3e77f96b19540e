import { CloudWatchClient, type CloudWatchClientConfig } from '@aws-sdk/client-cloudwatch';
import { LambdaClient, type LambdaClientConfig } from '@aws-sdk/client-lambda';
import { realMappings } from '../aws/mappings';
import { realMonitoring } from '../aws/monitoring';
import { partitionOf } from '../aws/partition';
import { dlqName, queueName } from '../jobs/keys';
import type { Mappings, Monitoring } from '../ports';
import type { OperatorDeps } from './operator';

/** For commands and screens about a deployment as a whole: its queues' mappings, its metrics and alarms. */
export interface Deployment extends OperatorDeps {
  instance: string;
  mappings: Mappings;
  monitoring: Monitoring;
  /** The names of a queue and of its DLQ in SQS. Their metrics have these names. */
  names: (queue: string) => { main: string; dlq: string };
  /** The operator, for notes about what an operator did. */
  operator: string;
}

/** Adds event source mappings and metrics to what an operator uses. Callers load this file only when they need it. */
export function realDeployment(
  deps: Omit<Deployment, 'mappings' | 'monitoring' | 'names'>,
  { lambda, cloudWatch, region }: { lambda: LambdaClientConfig; cloudWatch: CloudWatchClientConfig; region: string },
): Deployment {
  const { instance, settings } = deps;
  const queueArn = (queue: string) => {
    const [, account, name] = new URL(deps.queueUrl(queue)).pathname.split('/');
    return `arn:${partitionOf(region)}:sqs:${region}:${account}:${name}`;
  };
  return {
    ...deps,
    mappings: realMappings(new LambdaClient(lambda), queueArn),
    monitoring: realMonitoring(new CloudWatchClient(cloudWatch)),
    names: (queue) => {
      const { type } = settings(queue);
      return { main: queueName(instance, queue, type), dlq: dlqName(instance, queue, type) };
    },
  };
}
