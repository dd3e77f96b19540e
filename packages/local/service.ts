import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { createApp } from '../../examples/express-api/src/app';
import { hashPeopleWith } from '../../handlers/startup/engine';
import { dlqName, jobKey } from '../../lib/engine/jobs/keys';
import { deploymentOf } from '../../lib/operate/ops/connect';
import { parseEnv } from '../../lib/platform/config/common';
import { commonEnv, secret } from '../../lib/platform/config/functions';
import { isConsolePath } from '../console/serve';
import { realProducer } from '../producer/real-producer';
import { type Endpoints, EVENT_KEYS, localConfig, localPorts } from './connection';
import { localConsole } from './console';
import { controlPlane, EMAIL_EVENTS } from './control-plane';
import { eventBridge, startDynamoDb, startS3 } from './emulators';
import { LOCAL_APPS, startFakeAppStoreConnect } from './fakes/app-store-connect';
import { startFakeDiscord } from './fakes/discord';
import { startFakeSendgrid } from './fakes/sendgrid';
import { fakesControl } from './fakes/server';
import { startFakeZendesk } from './fakes/zendesk';
import { type Observers, scheduledEvent, startFunctions } from './functions';
import { ACCOUNT, close, LOCAL_CREDENTIALS, listen, type Ports, portsFrom, REGION } from './loopback';
import { createSqsModel } from './sqs/model';
import { startSqs } from './sqs/server';
import { type Declared, declared as declaredIn } from './template/declared';
import type { Packaged } from './template/package';

export interface ServiceOptions extends Observers {
  packaged: Packaged;
  /** The default is any free ports. */
  listenOn?: Ports;
  /** Changes the endpoints that the functions get, for example to record their calls. */
  endpointsOf?: (endpoints: Endpoints) => Endpoints;
}

export interface Service extends Awaited<ReturnType<typeof startParts>> {
  stop(): Promise<void>;
}

/** Starts the whole service. If one part does not start, it stops those that did. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const parts = startedParts();
  try {
    return { ...(await startParts(options, parts)), stop: parts.close };
  } catch (error) {
    await parts.close();
    throw error;
  }
}

async function startParts(
  { packaged, listenOn = portsFrom(0), endpointsOf = (all) => all, ...observers }: ServiceOptions,
  parts: Parts,
) {
  const { endpoints: aws, ...cloud } = await startCloud(packaged, listenOn, parts);
  const { declared, config, sqs, bridge } = cloud;
  const vendors = await startFakeVendors(declared, listenOn, parts);
  // The functions need its address, and its routes need the functions.
  const server = http.createServer();
  const api = await listen(server, listenOn.api);
  parts.add({ close: () => close(server) });
  const endpoints = { api, ...aws, aws: `${api}/aws`, ...urlsOf(vendors) };
  const functions = startFunctions({ sqs, endpoints: endpointsOf(endpoints), ...observers }, { packaged, declared });
  const { lambda } = parts.add(functions);
  const ports = parts.add(localPorts(endpoints, { table: config.TABLE, bucket: config.BUCKET }));
  const producer = realProducer({
    instance: config.INSTANCE,
    region: REGION,
    settings: declared.producer,
    endpoints: aws,
    credentials: LOCAL_CREDENTIALS,
  });
  parts.add({ close: () => producer.close({ timeoutMs: 0 }).catch(() => {}) });

  // A real API passes the client that it has authenticated. Here all requests have the same one.
  const app = createApp({ producer, principalOf: () => 'local' });
  const deployment = deploymentOf(config, {
    ...ports,
    region: REGION,
    account: ACCOUNT,
    by: 'local',
    // Its callers show their errors.
    log: { info: () => {}, warn: () => {}, error: () => {} },
    tickets: '/fakes/zendesk?ticket=',
    hashPeople: hashPeopleWith(secret.parse(declared.producer.hashKey)),
    aws: localConfig(endpoints.aws),
  });
  const page = localConsole(deployment, vendors);
  const fakes = fakesControl(vendors);
  const control = controlPlane({ ...functions, bridge });
  const listeners = { app, page, fakes, control };
  server.on('request', (request, response) => listeners[listenerOf(request.url ?? '/')](request, response));
  vendors.sendgrid.sendEventsTo(`${api}${EMAIL_EVENTS}`);
  const queues = Object.entries(config.QUEUES);
  return {
    ...cloud,
    ...vendors,
    endpoints,
    ports,
    deployment,
    producer,
    lambda,
    async job(id: string) {
      const found = await Promise.all(queues.map(([queue]) => deployment.ledger.known(jobKey(queue, id))));
      return found.find((row) => row !== undefined);
    },
    deadLetters: () => queues.flatMap(([queue, { type }]) => sqs.messages(dlqName(config.INSTANCE, queue, type))),
    run: (functionKey: string) => lambda.invoke(functionKey, scheduledEvent()),
  };
}

function listenerOf(url: string) {
  if (isConsolePath(url)) return 'page';
  if (/^\/fakes([/?]|$)/.test(url)) return 'fakes';
  return url.startsWith('/aws/') ? 'control' : 'app';
}

export function startedParts() {
  const parts: { close(): unknown }[] = [];
  return {
    add<P extends { close(): unknown }>(part: P): P {
      parts.unshift(part);
      return part;
    },
    async close(): Promise<void> {
      for (const part of parts.splice(0)) await part.close();
    },
  };
}

type Parts = ReturnType<typeof startedParts>;

/** Starts SQS, DynamoDB, S3 and EventBridge with what the template declares, and the bucket that the functions name. */
export async function startCloud({ resources }: Packaged, ports: Ports, parts: Parts) {
  const sqs = createSqsModel({ now: monotonic, uuid: randomUUID });
  const { url: sqsUrl } = parts.add(await startSqs(sqs, ports.sqs));
  const declared = declaredIn(resources, sqsUrl);
  // A redrive policy may name only an existing queue, so the DLQs come first.
  const deadLetterQueuesFirst = declared.queues.toSorted(
    (a, b) => Number('RedrivePolicy' in a.attributes) - Number('RedrivePolicy' in b.attributes),
  );
  for (const { name, attributes } of deadLetterQueuesFirst)
    sqs.createQueue({ QueueName: name, Attributes: attributes });

  const config = parseEnv(commonEnv, declared.functions[0]?.environment ?? {});
  const dynamodb = parts.add(await startDynamoDb(declared.tables, ports.dynamodb));
  const s3 = parts.add(await startS3(config.BUCKET, ports.s3));
  const bridge = parts.add(eventBridge(declared.buses, declared.webhook));
  return { declared, config, sqs, bridge, endpoints: { sqs: sqsUrl, s3: s3.url, dynamodb: dynamodb.url } };
}

/** Milliseconds since 1970 that never go back. The model requires that. */
const monotonic = (): number => Math.floor(performance.timeOrigin + performance.now());

/** Starts the fake vendors. They accept only the credentials that the template gives the functions. */
async function startFakeVendors({ functions }: Declared, ports: Ports, parts: Parts) {
  const variables = Object.assign({}, ...functions.map(({ environment }) => environment)) as Record<string, string>;
  const { ZENDESK_EMAIL: email, ZENDESK_TOKEN: token, SENDGRID_API_KEY: apiKey } = variables;
  const { APP_STORE_CONNECT_ISSUER_ID: issuerId = '', APP_STORE_CONNECT_KEY_ID: keyId = '' } = variables;
  const team = { issuerId, keyId, ...LOCAL_APPS };
  return {
    zendesk: parts.add(await startFakeZendesk({ port: ports.zendesk, email, token })),
    sendgrid: parts.add(await startFakeSendgrid({ port: ports.sendgrid, apiKey, keys: EVENT_KEYS })),
    appStoreConnect: parts.add(await startFakeAppStoreConnect({ port: ports.appStoreConnect, ...team })),
    discord: parts.add(await startFakeDiscord({ port: ports.discord })),
  };
}

const urlsOf = ({ zendesk, sendgrid, appStoreConnect, discord }: Awaited<ReturnType<typeof startFakeVendors>>) => ({
  zendesk: zendesk.url,
  sendgrid: sendgrid.url,
  appStoreConnect: appStoreConnect.url,
  discord: discord.webhook,
});
