import http from 'node:http';
import { secret } from '../../lib/config/common';
import { dlqName, jobKey, undeliveredName } from '../../lib/jobs/keys';
import { deploymentOf, noLog } from '../../lib/ops/connect';
import { hashPeopleWith } from '../../lib/startup/engine';
import { isConsolePath } from '../console/serve';
import { realProducer } from '../producer/real-producer';
import { createApi } from './api';
import { ACCOUNT, REGION, type Started, startCloud, startFakeVendors } from './cloud';
import { type Endpoints, localAws, localPorts } from './connection';
import { localConsole } from './console';
import { controlPlane } from './control-plane';
import { fakesControl } from './fakes/server';
import { type Observers, scheduledEvent, startFunctions } from './functions';
import { close, LOCAL_CREDENTIALS, listen, type Ports, portsFrom } from './loopback';
import type { Packaged } from './template/package';

export interface ServiceOptions extends Observers {
  packaged: Packaged;
  /** The default is any free ports. */
  listenOn?: Ports;
  /** Changes the endpoints that the functions get, for example to record their calls. */
  endpointsOf?: (endpoints: Endpoints) => Promise<Endpoints>;
}

/** The whole service on this machine. It keeps everything in memory and loses it at `stop`. */
export interface Service extends Awaited<ReturnType<typeof startParts>> {
  stop(): Promise<void>;
}

/** Starts the whole service. If one part does not start, it stops those that did. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const parts: { close(): Promise<unknown> }[] = [];
  const stop = async () => {
    for (const part of parts.splice(0)) await part.close();
  };
  const started: Started = async (starting) => {
    const part = await starting;
    parts.unshift(part);
    return part;
  };
  try {
    return { ...(await startParts(options, started)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  { packaged, listenOn = portsFrom(0), endpointsOf = async (all) => all, ...observers }: ServiceOptions,
  started: Started,
) {
  const { endpoints: aws, ...cloud } = await startCloud(packaged, listenOn, started);
  const { declared, config, sqs } = cloud;
  const vendors = await startFakeVendors(declared, listenOn, started);
  // The functions need its address, and its routes need the functions.
  const server = http.createServer();
  const { api } = await started(listen(server, listenOn.api).then((url) => ({ api: url, close: () => close(server) })));
  const endpoints = {
    ...aws,
    sns: `${api}/sns`,
    eventbridge: `${api}/eventbridge`,
    zendesk: vendors.zendesk.url,
    sendgrid: vendors.sendgrid.url,
    appStoreConnect: vendors.appStoreConnect.url,
    discord: vendors.discord.webhook,
  };
  const functionsSee = await endpointsOf(endpoints);
  const { lambda, mappings, metrics } = await started(
    Promise.resolve(startFunctions({ packaged, declared, sqs, endpoints: functionsSee, ...observers })),
  );
  const ports = localPorts({ endpoints, region: REGION, table: config.TABLE, bucket: config.BUCKET });
  const producer = realProducer({
    instance: config.INSTANCE,
    region: REGION,
    settings: declared.producer,
    endpoints: { sqs: aws.sqs, dynamodb: aws.dynamodb, s3: aws.s3 },
    credentials: LOCAL_CREDENTIALS,
  });
  await started(Promise.resolve({ close: async () => ports.close() }));
  await started(Promise.resolve({ close: () => producer.close({ timeoutMs: 0 }).catch(() => {}) }));

  const app = createApi({
    producer,
    emailEvents: (event) => lambda.invoke('emailEvents', event),
    events: cloud.bridge.events,
    health: () => ({ status: 'ok', stage: config.INSTANCE, endpoints }),
  });
  const deployment = deploymentOf(config, {
    ...{ ...ports, region: REGION, account: ACCOUNT, by: 'local', log: noLog },
    hashPeople: hashPeopleWith(secret.parse(declared.producer.hashKey)),
    aws: localAws({ api, endpoints, region: REGION }),
  });
  const page = localConsole(deployment, { vendors, producer });
  const fakes = fakesControl(vendors);
  const control = controlPlane({
    ...{ lambda, mappings, metrics, bridge: cloud.bridge },
    undelivered: (MessageBody) => void sqs.sendMessage({ QueueUrl: undeliveredName(config.INSTANCE), MessageBody }),
  });
  const listenerOf = (url: string): http.RequestListener => {
    if (isConsolePath(url)) return page;
    if (/^\/fakes([/?]|$)/.test(url)) return fakes;
    return /^\/(lambda|cloudwatch|sns|eventbridge)(\/|$)/.test(url) ? control : app;
  };
  server.on('request', (request, response) => listenerOf(request.url ?? '/')(request, response));
  vendors.sendgrid.sendEventsTo(`${api}/email-events`);
  const queues = Object.entries(config.QUEUES);
  return {
    ...cloud,
    ...vendors,
    api,
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
