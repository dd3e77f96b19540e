import type http from 'node:http';
import { secret } from '../config/values';
import { consoleListener } from '../console/serve';
import { deploymentOf, noLog } from '../ops/connect';
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
  const at = (endpoint: string) => ({ ...localConfig(REGION), endpoint });
  const deployment = deploymentOf(config, {
    ...{ table, objects, queues, region: REGION, account: ACCOUNT, by: 'local', log: noLog },
    hashPeople: hashPeopleWith(secret.parse(declared.producer.hashKey)),
    aws: {
      lambda: at(`${api}/lambda`),
      cloudWatch: at(`${api}/cloudwatch`),
      eventBridge: at(endpoints.eventbridge),
      // Only changes of production are shown in the chat.
      sns: at(`${api}/sns`),
    },
  });
  return consoleListener({
    deployment,
    target: { instance: config.INSTANCE, stage: 'local', region: REGION },
    write: true,
    local: consoleTools(vendors, producer),
  });
}
