import { dlqName, eventBus, queueName, recordFolder } from '../lib/engine/jobs/keys';
import type { QueueSettings } from '../lib/platform/config/functions';
import { environmentSchemas } from '../lib/queues/environments';
import { deadLetterQueues, keyArn, mainQueues, secretArns, verifiedObjects } from './access';
import type { QueueRow } from './instances/file';
import { functionsOf, type Instance, keyName, producerSettingsOf } from './instances/instance';
import { secretsOf } from './instances/rules';
import { arn, busArn, logicalId, principalArn } from './template';

/** `custom.instance`: the settings of the instance's file, and what follows from them. */
export function valuesOf(of: Instance) {
  const { name, rows, known, file: _file, tags, ...settings } = of;
  const { prefix, retain, events, sendgrid, retention, secretsKey, kmsKey } = settings;
  const { zone = 'UTC', between, dailyCap } = sendgrid;
  const bus = eventBus(name, events.bus);
  const { webhook } = events;
  const ofRows = (textOf: (row: QueueRow) => unknown) =>
    JSON.stringify(Object.fromEntries(rows.map((row) => [row.name, textOf(row)])));
  const unused = Object.keys(known).filter((queue) => !rows.some((row) => row.name === queue));
  const keys = Object.keys(environmentSchemas);
  const used = functionsOf(of);
  const secrets = keys.map((key) => [key, secretArns(secretsOf(of, [key]).map(({ value }) => value))] as const);
  const key = keyArn(of);
  const account = { 'Fn::Sub': `arn:\${AWS::Partition}:iam::\${AWS::AccountId}:root` };
  return {
    ...withTexts({ ...settings, name }),
    sendingLimits: between || dailyCap ? JSON.stringify({ zone, between, dailyCap }) : null,
    eventBus: bus || null,
    keyName: keyName(of) ?? null,
    queueSettings: ofRows((row) => queueSettings(row, retention.retry)),
    guard: JSON.stringify(sendgrid.guard),
    dlqDepths: ofRows(({ alarms }) => alarms.dlqDepth),
    keep: retain ? 'Retain' : null,
    keepDeployed: retain ? 'RetainExceptOnCreate' : null,
    tags: { instance: name, stage: of.stage, service: 'background-jobs', ...tags },
    ownBus: events.bus === 'own' ? 'own' : 'none',
    webhook: webhook ? 'set' : 'none',
    webhookKey: webhook ? `{{resolve:${webhook.key}}}` : null,
    buses: bus === '' ? [] : [busArn(bus)],
    secrets: Object.fromEntries(secrets),
    secretsKeys: Object.fromEntries(
      secrets.map(([each, arns]) => [each, secretsKey && arns.length > 0 ? [secretsKey] : []]),
    ),
    kms: {
      own: kmsKey === 'own' ? 'own' : 'none',
      key: key ?? null,
      keys: key === undefined ? [] : [key],
      managed: key === undefined ? true : null,
      queues: [...mainQueues(of), ...deadLetterQueues(of)],
      accounts: [account, ...rows.flatMap(({ accounts = [] }) => accounts).map(principalArn)],
    },
    producer: JSON.stringify(producerSettingsOf(of, `\${AWS::AccountId}`)),
    arns: {
      queues: mainQueues(of),
      dlqs: deadLetterQueues(of),
      records: rows.map((row) => arn('s3', `${of.bucket}/${recordFolder(prefix, row.name)}/*`)),
      verified: verifiedObjects(of),
    },
    without: {
      queues: unused,
      functions: keys.filter((each) => !used.includes(each)),
      resources: unused.flatMap((queue) => [logicalId(queue, 'Queue'), logicalId(queue, 'Dlq')]),
    },
  };
}

/** Tables with keys of the client's own. Each becomes the text of a variable, such as `price=number,product=text`. */
const PAIRS = ['feedbackByLanguage', 'columns'];

export function withTexts(table: object): object {
  const textOf = (key: string, value: unknown): unknown => {
    if (Array.isArray(value)) return value.join(',');
    if (typeof value !== 'object' || value === null) return value;
    const pairs = Object.entries(value).map((pair) => pair.join('='));
    return PAIRS.includes(key) ? pairs.join(',') : withTexts(value);
  };
  return Object.fromEntries(Object.entries(table).map(([key, value]) => [key, textOf(key, value)]));
}

/** `retryDays`: days for which the body of a dead or cancelled job is kept. */
const queueSettings = (row: QueueRow, retryDays: number | undefined): QueueSettings => ({
  type: row.type,
  retention: row.retention,
  dlqRetention: row.dlq.retention,
  visibility: row.visibility,
  ...(retryDays !== undefined && { retryDays }),
  receives: row.receives,
  // Twice what the workers take at once: the next messages are there when they have finished these.
  room: 2 * row.concurrency * row.batch,
});

export function queueValues(instanceName: string, row: QueueRow): object {
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
    // By content, SQS would drop a job that is sent again as a repeat (lib/engine/jobs/keys.ts, deduplicationId).
    byContent: fifo ? false : null,
    scope: high ? 'messageGroup' : null,
    limit: high ? 'perMessageGroupId' : null,
  };
}
