import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock, realRandom } from '../aws/system';
import { queueName, queueUrl } from '../jobs/keys';
import type { Log } from '../ports';
import { createProducer } from '../producer/producer';
import { createTracker, type Tracker } from '../producer/tracker';
import { measure } from './alarms/measure';
import { type LocalAlarms, startAlarms } from './alarms/start';
import { createApi } from './api';
import { ACCOUNT, type Cloud, REGION, startCloud } from './cloud';
import { awsVariables, type Endpoints, vendorVariables } from './endpoints';
import type { InvokeResult } from './event-source-mapping';
import { type FakeVendors, startFakeVendors } from './fake-vendors';
import { functionUrlEvent, functionUrlStatus } from './function-url';
import type { Invocation } from './lambda/environment';
import { createLambda, type Lambda } from './lambda/runtime';
import { type LocalPorts, localPorts } from './ports';
import { scheduleVariables } from './schedule';
import type { Packaged } from './template/package';
import { unzip } from './template/zip';
import { type OnEvent, scheduledEvent, startTriggers, timers } from './triggers';
import { createViews, type Views } from './views';

export interface ServiceOptions {
  /** What runs. */
  packaged: Packaged;
  /** Of the HTTP API; any free one without. */
  port?: number;
  onInvocation?: (invocation: Invocation) => void;
  onEvent?: OnEvent;
}

/** The whole service on this machine. Everything is in memory and gone after `stop`. */
export interface Service extends Omit<Cloud, 'endpoints'>, FakeVendors {
  /** URL of the HTTP API. */
  api: string;
  endpoints: Endpoints;
  ports: LocalPorts;
  /** Takes analytics events. */
  tracker: Tracker;
  views: Views;
  lambda: Lambda;
  alarms: Pick<LocalAlarms, 'state'>;
  /** Runs a scheduled function now. */
  run(functionKey: string): Promise<InvokeResult>;
  stop(): Promise<void>;
}

const silent: Log = { info: () => {}, warn: () => {}, error: () => {} };

/** Starts emulators, fakes, functions, what calls them, and the API; undoes it all if one does not start. */
export async function startService({ packaged, port = 0, onInvocation, onEvent }: ServiceOptions): Promise<Service> {
  const started: (() => Promise<unknown>)[] = [];
  const onStop = (close: () => Promise<unknown>) => void started.unshift(close);
  const stop = async () => {
    for (const close of started.splice(0)) await close();
  };
  try {
    const directory = mkdtempSync(join(tmpdir(), 'local-service-'));
    onStop(async () => rmSync(directory, { recursive: true, force: true }));
    const { endpoints: aws, ...cloud } = await startCloud(packaged, onStop);
    const { declared, config, sqs } = cloud;
    const vendors = await startFakeVendors(declared, onStop);
    const endpoints = {
      ...aws,
      zendesk: vendors.zendesk.url,
      sendgrid: vendors.sendgrid.url,
      appStoreConnect: vendors.appStoreConnect.url,
      discord: vendors.discord.webhook,
    };

    for (const { key, artifact } of declared.functions) unzip(join(packaged.directory, artifact), join(directory, key));
    const measured = measure(declared);
    const lambda = createLambda({
      functions: declared.functions,
      code: ({ key }) => join(directory, key),
      logs: join(directory, 'logs'),
      region: REGION,
      variables: ({ key, environment }) => ({
        ...awsVariables(endpoints, REGION),
        ...vendorVariables(endpoints, environment),
        ...scheduleVariables(declared.schedules, key),
      }),
      onInvocation: (invocation) => {
        measured.invocation(invocation);
        onInvocation?.(invocation);
      },
    });
    const triggers: (() => Promise<unknown>)[] = [];
    const events: OnEvent = (event, queue) => {
      measured.event(event, queue);
      onEvent?.(event, queue);
    };
    startTriggers({ declared, sqs, lambda, onEvent: events }, (close) => triggers.push(close));
    const { resources } = packaged;
    const surroundings = { resources, region: REGION, account: ACCOUNT, stack: 'local', sqsUrl: endpoints.sqs };
    const alarms = startAlarms({ surroundings, declared, sqs, lambda, store: measured.store, timers });
    triggers.push(() => alarms.stop());
    onStop(async () => {
      // No new runs, then the end of those that are going on: nobody waits for a slow one.
      const ended = Promise.all(triggers.map((close) => close()));
      await lambda.stop();
      await ended;
    });

    const ports = localPorts({ endpoints, region: REGION, table: config.TABLE, bucket: config.BUCKET });
    onStop(async () => ports.close());
    const queues = Object.keys(config.QUEUES);
    const views = createViews({ ports, sqs, declared, queues, prefix: config.PREFIX });
    const settings = (queue: string) => {
      const found = config.QUEUES[queue];
      if (!found) throw new Error(`no queue ${queue}; there are ${queues.join(', ')}`);
      return found;
    };
    const sending = {
      ...ports,
      settings,
      clock: realClock,
      random: realRandom,
      log: silent,
      prefix: config.PREFIX,
      source: `/${config.INSTANCE}/api`,
      queueUrl: (queue: string) => queueUrl(REGION, ACCOUNT, queueName(config.INSTANCE, queue, settings(queue).type)),
    };
    const emailRate = Number(declared.functions.find(({ key }) => key === 'emails')?.environment.EMAIL_RATE ?? 100);
    const producer = createProducer({ ...sending, emailRate });
    const tracker = createTracker(sending);
    onStop(() => tracker.close({ timeoutMs: 0 }).catch(() => {}));
    const server = http.createServer(
      createApi({
        producer,
        tracker,
        views,
        emailEvents: async (request) =>
          functionUrlStatus(await lambda.invoke('emailEvents', await functionUrlEvent(request))),
        health: () => ({ status: 'ok', stage: config.INSTANCE, endpoints }),
      }),
    );
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    onStop(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    vendors.sendgrid.sendEventsTo(`${api}/email-events`);
    const run = (functionKey: string) => lambda.invoke(functionKey, scheduledEvent());
    return { ...cloud, ...vendors, api, endpoints, ports, tracker, views, lambda, alarms, run, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
