import type http from 'node:http';
import { eventSource, realEvents } from '../aws/events';
import { putEvents } from '../aws/put-events';
import { realClock, realRandom } from '../aws/system';
import { optionalSecret } from '../config/values';
import { consoleListener } from '../console/serve';
import { noLog, operatorOf, readerOf } from '../ops/connect';
import { realDeployment } from '../ops/deployment';
import type { Producer } from '../producer/producer';
import { hashPeopleWith } from '../startup/hash-people';
import { type LocalPorts, localConfig } from './clients';
import { ACCOUNT, type Cloud, REGION } from './cloud';
import { consoleTools } from './console-tools';
import type { FakeVendors } from './fake-vendors';

/** The console of the service on this machine. It may act and needs no token: the other ports are as open. */
export function localConsole({
  ports: { table, objects, queues },
  declared,
  config,
  endpoints,
  vendors,
  producer,
  api,
}: {
  api: string;
  ports: LocalPorts;
  vendors: FakeVendors;
  producer: Producer;
} & Pick<Cloud, 'declared' | 'config' | 'endpoints'>): http.RequestListener {
  const { INSTANCE: instance, EVENT_BUS: bus } = config;
  const bridge = { ...localConfig(REGION), endpoint: endpoints.eventbridge };
  const hashPeople = hashPeopleWith(optionalSecret.parse(declared.producer.hashKey));
  const reader = readerOf(config, { table, objects, hashPeople, clock: realClock, random: realRandom });
  const operator = operatorOf(reader, {
    instance,
    region: REGION,
    account: ACCOUNT,
    queues,
    events:
      bus === undefined ? undefined : realEvents({ bus, source: eventSource(instance), load: () => putEvents(bridge) }),
    log: noLog,
  });
  const deployment = realDeployment(
    { ...operator, instance, operator: 'local' },
    {
      region: REGION,
      lambda: { ...localConfig(REGION), endpoint: `${api}/lambda` },
      cloudWatch: { ...localConfig(REGION), endpoint: `${api}/cloudwatch` },
    },
  );
  return consoleListener({
    deployment,
    target: { instance, stage: 'local', region: REGION },
    by: 'local',
    // Only changes of production are shown there.
    publishAlarm: async () => {},
    write: true,
    local: consoleTools(vendors, producer),
  });
}
