import { CloudWatchClient, type CloudWatchClientConfig } from '@aws-sdk/client-cloudwatch';
import type { EventBridgeClientConfig } from '@aws-sdk/client-eventbridge';
import { LambdaClient, type LambdaClientConfig } from '@aws-sdk/client-lambda';
import { SNSClient, type SNSClientConfig } from '@aws-sdk/client-sns';
import { dlqName, queueName, queueUrl, topicName } from '../../engine/jobs/keys';
import { createLedger } from '../../engine/jobs/ledger';
import { circuitBreakers } from '../../engine/worker/circuit';
import { partitionOf } from '../../platform/aws/clients';
import { realEvents, realTopic } from '../../platform/aws/events';
import { realMappings, realMonitoring } from '../../platform/aws/monitoring';
import { realClock, realRandom } from '../../platform/aws/system';
import { type CommonConfig, settingsOf } from '../../platform/config/functions';
import type { Metrics } from '../../platform/ports';
import { publishedOnly } from '../../queues/queues';
import { queueWorks } from '../../queues/works';
import type { Deployment } from './operator';

interface Access
  extends Pick<Deployment, 'table' | 'objects' | 'queues' | 'hashPeople' | 'log' | 'by'>,
    Pick<Deployment, 'suppression' | 'tickets' | 'zendesk'> {
  region: string;
  account: string;
  aws: CloudWatchClientConfig & EventBridgeClientConfig & LambdaClientConfig & SNSClientConfig;
}

/** What operators read and change of an instance, from its configuration. */
export function deploymentOf(config: CommonConfig, { region, account, aws, ...given }: Access): Deployment {
  const { INSTANCE: instance, EVENT_BUS: bus } = config;
  const base = { ...given, clock: realClock, random: realRandom, settings: settingsOf(config) };
  const named = (nameOf: typeof queueName, queue: string) => nameOf(instance, queue, base.settings(queue).type);
  const arn = (service: string, name: string) => `arn:${partitionOf(region)}:${service}:${region}:${account}:${name}`;
  return {
    ...base,
    instance,
    prefix: config.PREFIX,
    queueNames: Object.keys(config.QUEUES),
    limits: config.SENDING_LIMITS,
    works: queueWorks({}),
    ledger: createLedger(base),
    circuits: circuitBreakers(base),
    queueUrl: (queue) => queueUrl(region, account, named(queueName, queue)),
    dlqUrl: (queue) => queueUrl(region, account, named(dlqName, queue)),
    events: bus === undefined ? undefined : publishedOnly(realEvents({ bus, instance }, aws)),
    metrics: noMetrics,
    mappings: realMappings(new LambdaClient(aws), (queue) => arn('sqs', named(queueName, queue))),
    monitoring: realMonitoring(new CloudWatchClient(aws)),
    publishAlarm: realTopic(new SNSClient(aws), arn('sns', topicName(instance))),
  };
}

/** CloudWatch reads metrics from the logs of functions, not from a terminal. */
const noMetrics: Metrics = { add: () => {}, flush: async () => {} };
