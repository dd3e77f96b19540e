import { environmentSchemas } from '../lib/config/functions';
import { dlqName, eventBus, queueName, recordFolder } from '../lib/jobs/keys';
import { deadLetterQueues, mainQueues } from './access-statements';
import { type Choice, chosenInstance } from './instances/choose';
import { producerSettingsOf } from './instances/deployed';
import { hasFunction, type Instance } from './instances/instance';
import type { QueueRow } from './instances/queue-row';
import { secretSettings, templateValues } from './instances/variables';
import { logicalId } from './logical-id';
import { secretArns } from './statements';
import { arn, busArn } from './template';

export const SERVICE = 'background-jobs';

/** What Serverless passes to a function that a variable of serverless.yml names. */
export interface Variables {
  options: Choice;
  resolveConfigurationProperty(path: string[]): Promise<unknown>;
}

const read = new WeakMap<Choice, Instance>();

/** The instance of this `sls` call, read once. Throws InstanceProblems. */
export function instanceOf({ options }: Variables): Instance {
  const instance = read.get(options) ?? chosenInstance(options);
  read.set(options, instance);
  return instance;
}

/** `provider.stage`. Serverless resolves it first, so a wrong file or parameter is reported once, here. */
export const stage = async (variables: Variables): Promise<string> => instanceOf(variables).stage;

/** `custom.instance`: the settings of the instance's file, and what follows from them. It has no absent settings. */
export const instance = async (variables: Variables): Promise<object> => {
  const of = instanceOf(variables);
  const { name, rows, prefix, retain, tags, settings } = of;
  const bus = eventBus(name, settings.events?.bus);
  const unused = Object.keys(of.known).filter((queue) => !rows.some((row) => row.name === queue));
  const keys = Object.keys(environmentSchemas);
  const secrets = keys.map((key) => [key, secretArns(secretSettings(of, [key]).map(({ value }) => value))] as const);
  const key = settings.secretsKey;
  return {
    ...templateValues(of),
    keep: retain ? 'Retain' : null,
    tags: { instance: name, stage: of.stage, service: SERVICE, ...tags },
    ownBus: settings.events?.bus === 'own' ? 'own' : 'none',
    buses: bus === '' ? [] : [busArn(bus)],
    secrets: Object.fromEntries(secrets),
    secretsKeys: Object.fromEntries(secrets.map(([each, arns]) => [each, key && arns.length > 0 ? [key] : []])),
    producer: JSON.stringify(producerSettingsOf(of, `\${AWS::AccountId}`)),
    arns: {
      queues: mainQueues(of),
      dlqs: deadLetterQueues(of),
      records: rows.map((row) => arn('s3', `${of.bucket}/${recordFolder(prefix, row.name)}/*`)),
    },
    without: {
      queues: unused,
      functions: keys.filter((each) => !hasFunction(of, each)),
      resources: unused.flatMap((queue) => [logicalId(queue, 'Queue'), logicalId(queue, 'Dlq')]),
    },
  };
};

/** `custom.queues`: the rows of all queues, in use or not, with the attributes that follow from a row's type. */
export const queues = async (variables: Variables): Promise<Record<string, object>> => {
  const { name, known } = instanceOf(variables);
  return Object.fromEntries(Object.values(known).map((row) => [row.name, attributes(name, row)]));
};

function attributes(instanceName: string, row: QueueRow): object {
  const fifo = row.type === 'fifo';
  const high = fifo && row.throughput === 'high';
  const main = queueName(instanceName, row.name, row.type);
  return {
    ...row,
    queueName: main,
    dlqName: dlqName(instanceName, row.name, row.type),
    // By name, because the queue already refers to its DLQ and CloudFormation refuses cycles.
    arn: arn('sqs', main)['Fn::Sub'],
    fifo: fifo ? true : null,
    // By content, SQS would drop a job that is sent again as a repeat (lib/jobs/keys.ts, deduplicationId).
    byContent: fifo ? false : null,
    scope: high ? 'messageGroup' : null,
    limit: high ? 'perMessageGroupId' : null,
  };
}
