import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { EventBridgeClientConfig } from '@aws-sdk/client-eventbridge';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { eventSource, realEvents } from '../aws/events';
import { realObjects } from '../aws/objects';
import { partitionOf } from '../aws/partition';
import { realQueues, sqsClient } from '../aws/queues';
import { realClock, realRandom } from '../aws/system';
import { realTable } from '../aws/table';
import { realTopics } from '../aws/topics';
import { type CommonConfig, commonEnv } from '../config/common';
import { parseEnv } from '../config/environment';
import { optionalSecret } from '../config/values';
import { topicName } from '../jobs/keys';
import type { HashPeople } from '../jobs/person-hash';
import { localClients, localConfig } from '../local/clients';
import { findService, type Connection as LocalConnection, NOT_RUNNING } from '../local/connection';
import { operatorOf, readerOf } from '../ops/connect';
import type { Deployment } from '../ops/deployment';
import { type OperatorDeps, OperatorError, type Reader } from '../ops/operator';
import { verifySource } from '../ops/verify';
import type { Events, Facts, Log } from '../ports';
import { basicAuthorization } from '../vendors/credentials';
import type { Source } from '../verify/read';
import type { CommandContext, Output } from './command';
import type { Environment, Serverless } from './serverless';
import { callerOf, namedTargetOf } from './target';

/** The table and the bucket of a stage. `operator` also connects to its queues. */
export interface Connection {
  reader: Reader;
  operator: () => Promise<OperatorDeps>;
  deployment: () => Promise<Deployment>;
  source: CommandContext['source'];
  publishAlarm: CommandContext['publishAlarm'];
}

/** Connects to the stage of the `sls` call: the service on this machine, or AWS with the credentials of `sls`. */
export async function connect(serverless: Serverless, out: Output): Promise<Connection> {
  const config = parseEnv(commonEnv, serverless.service.provider.environment ?? {});
  const { sqs, s3, dynamodb, sns, eventBridge, region, zendesk, hashPeople, ...control } = await clients(serverless);
  const table = realTable({ table: config.TABLE, client: dynamodb });
  const objects = realObjects({ bucket: config.BUCKET, client: s3 });
  const queues = realQueues(sqs);
  const topics = realTopics(sns);
  const events = eventsOf(config, eventBridge);
  const reader = readerOf(config, { table, objects, hashPeople, clock: realClock, random: realRandom });

  async function operator(): Promise<OperatorDeps> {
    const { account } = await namedTargetOf(serverless);
    return operatorOf(reader, { instance: config.INSTANCE, region, account, queues, events, log: logTo(out) });
  }

  async function deployment(): Promise<Deployment> {
    const { realDeployment } = require('../ops/deployment') as typeof import('../ops/deployment');
    const caller = await callerOf(serverless);
    const who = { instance: config.INSTANCE, operator: caller.slice(caller.lastIndexOf(':') + 1) };
    return realDeployment({ ...(await operator()), ...who }, { ...control, region });
  }

  async function publishAlarm(message: Parameters<CommandContext['publishAlarm']>[0]): Promise<void> {
    const { account } = await namedTargetOf(serverless);
    await topics.publish(`arn:${partitionOf(region)}:sns:${region}:${account}:${topicName(config.INSTANCE)}`, message);
  }

  const source = async () => verifySource(config, { dynamodb, s3, sqs, ...(zendesk && { zendesk }) });
  return { reader, operator, deployment, source, publishAlarm };
}

async function clients(serverless: Serverless) {
  const aws = serverless.getProvider('aws');
  const { functions } = serverless.service;
  const feedback = functions.feedback?.environment;
  const hashKey = optionalSecret.parse(feedback?.HASH_KEY ?? functions.testflight?.environment?.HASH_KEY);
  if (aws.getStage() !== 'local') {
    const config = await aws.getAwsSdkV3Config();
    return {
      region: aws.getRegion(),
      hashPeople: hashPeople(hashKey, config),
      ...{ eventBridge: config, lambda: config, cloudWatch: config },
      sqs: sqsClient(config),
      s3: new S3Client(config),
      dynamodb: new DynamoDBClient(config),
      sns: new SNSClient(config),
      zendesk: zendeskLookup(feedback, process.env.ZENDESK_LOOKUP_TOKEN),
    };
  }
  const { api, region, endpoints } = await requireService();
  const { ZENDESK_EMAIL = '', ZENDESK_TOKEN = '' } = feedback ?? {};
  const at = (endpoint: string) => ({ ...localConfig(region), endpoint });
  return {
    ...localClients({ endpoints, region }),
    region,
    hashPeople: hashPeople(hashKey),
    eventBridge: at(endpoints.eventbridge),
    lambda: at(`${api}/lambda`),
    cloudWatch: at(`${api}/cloudwatch`),
    sns: new SNSClient(at(endpoints.sns)),
    zendesk: { endpoint: endpoints.zendesk, authorization: basicAuthorization(ZENDESK_EMAIL, ZENDESK_TOKEN) },
  };
}

/** The service on this machine. Rejects with an OperatorError if it does not run. */
export async function requireService(): Promise<LocalConnection> {
  const service = await findService();
  if (!service) throw new OperatorError(NOT_RUNNING);
  return service;
}

/**
 * Where `sls verify` looks for tickets: the Zendesk of the deployment's feedback worker. `token`: an operator's own, because
 * the worker's may be a reference that only the worker can read. `undefined`: Zendesk is not asked.
 */
export function zendeskLookup(environment: Environment | undefined, token: string | undefined): Source['zendesk'] {
  const { ZENDESK_ENDPOINT: endpoint, ZENDESK_EMAIL: email } = environment ?? {};
  if (!endpoint || !email || !token) return undefined;
  if (!/^https:/i.test(endpoint)) throw new OperatorError('zendesk.endpoint: must begin with https://');
  return { endpoint, authorization: basicAuthorization(email, token) };
}

/** The first hash loads the clients of secrets, because few commands name a person. */
function hashPeople(...key: Parameters<typeof import('../startup/hash-people')['hashPeopleWith']>): HashPeople {
  let made: HashPeople | undefined;
  const load = () => require('../startup/hash-people') as typeof import('../startup/hash-people');
  return () => {
    made ??= load().hashPeopleWith(...key);
    return made();
  };
}

/** The bus of the stage. The first event loads the client, because few commands end a job. */
function eventsOf({ EVENT_BUS, INSTANCE }: CommonConfig, client: EventBridgeClientConfig): Events | undefined {
  if (EVENT_BUS === undefined) return undefined;
  const load = () => (require('../aws/put-events') as typeof import('../aws/put-events')).putEvents(client);
  return realEvents({ bus: EVENT_BUS, source: eventSource(INSTANCE), load });
}

/** Shows warnings and errors only. The command itself reports success. */
function logTo(out: Output): Log {
  const note = (message: string, facts: Facts = {}) => {
    const known = Object.entries(facts).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
    out.note([message, ...known].join(' '));
  };
  return { info: () => {}, warn: note, error: note };
}
