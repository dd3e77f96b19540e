import { realClock, realRandom } from '../aws/system';
import { settingsOf } from '../config/common';
import { queueName, queueUrl } from '../jobs/keys';
import { createLedger } from '../jobs/ledger';
import type { HashPeople } from '../jobs/person-hash';
import type { Log } from '../ports';
import { createJobs, type Jobs } from '../producer/jobs';
import { createProducer, type Producer } from '../producer/producer';
import { createTracker, type Tracker } from '../producer/tracker';
import { ACCOUNT, type Cloud, REGION } from './cloud';
import type { LocalPorts } from './ports';

const silent: Log = { info: () => {}, warn: () => {}, error: () => {} };

/** Creates what the package gives to an API, over the local ports. */
export function createSenders({
  ports,
  declared,
  config,
  hashPeople,
}: { ports: LocalPorts; hashPeople: HashPeople } & Pick<Cloud, 'declared' | 'config'>): {
  producer: Producer;
  tracker: Tracker;
  jobs: Jobs;
} {
  const settings = settingsOf(config);
  const deps = {
    ...ports,
    hashPeople,
    settings,
    clock: realClock,
    random: realRandom,
    log: silent,
    prefix: config.PREFIX,
    source: `/${config.INSTANCE}/api`,
    queueUrl: (queue: string) => queueUrl(REGION, ACCOUNT, queueName(config.INSTANCE, queue, settings(queue).type)),
  };
  const emailRate = Number(declared.functions.find(({ key }) => key === 'emails')?.environment.EMAIL_RATE ?? 100);
  return {
    producer: createProducer({ ...deps, emailRate }),
    tracker: createTracker(deps),
    jobs: createJobs({ ...deps, ledger: createLedger(deps), queueNames: Object.keys(config.QUEUES) }),
  };
}
