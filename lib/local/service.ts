import http from 'node:http';
import { optionalSecret } from '../config/values';
import { isConsolePath } from '../console/serve';
import { undeliveredName } from '../jobs/keys';
import type { Tracker } from '../producer/tracker';
import { hashPeopleWith } from '../startup/hash-people';
import { alarmTopic } from './alarm-topic';
import { createApi } from './api';
import { ACCOUNT, type Cloud, type OnStop, REGION, startCloud } from './cloud';
import { localConsole } from './console';
import { controlPlane, isControlPlane } from './control-plane';
import type { Endpoints } from './endpoints';
import { type FakeVendors, startFakeVendors } from './fake-vendors';
import { functionUrlEvent, functionUrlStatus } from './function-url';
import { type Observers, startFunctions } from './functions';
import type { InvokeResult } from './lambda/environment';
import type { Lambda } from './lambda/runtime';
import { type Ports, portsFrom } from './listen-port';
import { close, listen } from './loopback';
import { type LocalPorts, localPorts } from './ports';
import { createSenders } from './senders';
import type { Packaged } from './template/package';
import { scheduledEvent } from './triggers';
import { createViews, type Views } from './views';

export interface ServiceOptions extends Observers {
  packaged: Packaged;
  /** The default is any free ports. */
  listenOn?: Ports;
  /** Changes the endpoints that the functions get, for example to record their calls. */
  endpointsOf?: (endpoints: Endpoints) => Promise<Endpoints>;
}

/** The whole service on this machine. It keeps everything in memory and loses it at `stop`. */
export interface Service extends Omit<Cloud, 'endpoints'>, FakeVendors {
  /** URL of the HTTP API. */
  api: string;
  endpoints: Endpoints;
  ports: LocalPorts;
  /** Takes analytics events. */
  tracker: Tracker;
  views: Views;
  lambda: Lambda;
  /** Runs a scheduled function now. */
  run(functionKey: string): Promise<InvokeResult>;
  stop(): Promise<void>;
}

/** Starts the whole service. If one part does not start, it stops those that did. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const started: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const stopPart of started.splice(0)) await stopPart();
  };
  try {
    return { ...(await startParts(options, (stopPart) => void started.unshift(stopPart))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  { packaged, listenOn = portsFrom(0), endpointsOf = async (all) => all, ...observers }: ServiceOptions,
  onStop: OnStop,
): Promise<Omit<Service, 'stop'>> {
  const { endpoints: aws, ...cloud } = await startCloud(packaged, listenOn, onStop);
  const { declared, config, sqs } = cloud;
  const vendors = await startFakeVendors(declared, listenOn, onStop);
  const endpoints = {
    ...aws,
    zendesk: vendors.zendesk.url,
    sendgrid: vendors.sendgrid.url,
    appStoreConnect: vendors.appStoreConnect.url,
    discord: vendors.discord.webhook,
  };
  // The reconciler publishes facts, so the topic must take messages before the functions run.
  const topic = alarmTopic(
    { invoke: (key, event) => lambda.invoke(key, event) },
    { undelivered: (MessageBody) => void sqs.sendMessage({ QueueUrl: undeliveredName(config.INSTANCE), MessageBody }) },
  );
  const snsServer = http.createServer(topic);
  const reached = { ...(await endpointsOf(endpoints)), sns: await listen(snsServer, 0) };
  onStop(() => close(snsServer));
  const { lambda, mappings, metrics } = startFunctions(
    { packaged, declared, sqs, endpoints: reached, ...observers },
    onStop,
  );

  const ports = localPorts({ endpoints, region: REGION, table: config.TABLE, bucket: config.BUCKET });
  onStop(async () => ports.close());
  const { environment } = declared.functions.find(({ key }) => key === 'feedback') ?? {};
  const hashPeople = hashPeopleWith(optionalSecret.parse(environment?.HASH_KEY));
  const { producer, tracker, jobs } = createSenders({ ports, declared, config, hashPeople });
  onStop(() => tracker.close({ timeoutMs: 0 }).catch(() => {}));
  const views = createViews({ ports, ...cloud });
  const app = createApi({
    producer: { ...producer, track: tracker.track, jobs },
    views,
    emailEvents: async (request) =>
      functionUrlStatus(await lambda.invoke('emailEvents', await functionUrlEvent(request))),
    events: cloud.events,
    health: () => ({ status: 'ok', stage: config.INSTANCE, endpoints }),
  });
  // The console calls this server too, so it is made when the address is known.
  let page: http.RequestListener = app;
  const control = controlPlane({ mappings, metrics, region: REGION, account: ACCOUNT });
  const listenerOf = (url = ''): http.RequestListener => {
    if (isConsolePath(url)) return page;
    if (isControlPlane(url)) return control;
    return /^\/sns\/?$/.test(url) ? topic : app;
  };
  const server = http.createServer((request, response) => {
    listenerOf(request.url)(request, response);
  });
  const api = await listen(server, listenOn.api);
  page = localConsole({ api, ports, config, endpoints, vendors, producer, hashPeople });
  onStop(() => close(server));
  vendors.sendgrid.sendEventsTo(`${api}/email-events`);
  const run = (functionKey: string) => lambda.invoke(functionKey, scheduledEvent());
  return { ...cloud, ...vendors, api, endpoints, ports, tracker, views, lambda, run };
}
