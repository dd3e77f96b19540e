import type { CommonConfig } from '../config/common';
import { settingsOf } from '../config/common';
import { dlqName, queueName, queueUrl } from '../jobs/keys';
import { createLedger } from '../jobs/ledger';
import { circuitBreakers } from '../limits/circuit';
import type { Clock, Log, Metrics, Random } from '../ports';
import type { OperatorDeps, Reader } from './operator';

type Ports = Pick<OperatorDeps, 'table' | 'objects' | 'hashPeople'> & { clock: Clock; random: Random };

/** What reads an instance's table and bucket. */
export function readerOf(config: CommonConfig, { table, objects, hashPeople, clock, random }: Ports): Reader {
  const settings = settingsOf(config);
  return {
    table,
    clock,
    random,
    ledger: createLedger({ table, clock, random, settings }),
    objects,
    hashPeople,
    prefix: config.PREFIX,
    settings,
    queueNames: Object.keys(config.QUEUES),
  };
}

/** What acts on an instance: its reader, with its queues in this account and region. */
export function operatorOf(
  reader: Reader,
  {
    instance,
    region,
    account,
    ...services
  }: Pick<OperatorDeps, 'queues' | 'events' | 'log'> & { instance: string; region: string; account: string },
): OperatorDeps {
  const { settings } = reader;
  const url = (name: string) => queueUrl(region, account, name);
  return {
    ...reader,
    ...services,
    circuits: circuitBreakers(reader),
    metrics: noMetrics,
    queueUrl: (queue) => url(queueName(instance, queue, settings(queue).type)),
    dlqUrl: (queue) => url(dlqName(instance, queue, settings(queue).type)),
  };
}

/** CloudWatch reads metrics from the logs of functions, not from a terminal. */
const noMetrics: Metrics = { add: () => {}, flush: async () => {} };

/** For processes that show their errors elsewhere. */
export const noLog: Log = { info: () => {}, warn: () => {}, error: () => {} };
