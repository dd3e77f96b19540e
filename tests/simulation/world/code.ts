import { campaigns } from '../../../lib/emails/campaigns/campaign';
import { takeEvents } from '../../../lib/emails/events/webhook';
import { suppressionList } from '../../../lib/emails/suppression';
import { jobKey } from '../../../lib/jobs/keys';
import { cancel, discard, retry, settle } from '../../../lib/ops/act';
import { erasePerson } from '../../../lib/ops/erase';
import { limitVendor } from '../../../lib/ops/pause';
import { type Found, findPerson } from '../../../lib/ops/person';
import { reconcile } from '../../../lib/reconcile/reconcile';
import { handleBatch } from '../../../lib/worker/batch';
import { jobsOf } from '../../../packages/producer/jobs';
import { hashPeople } from '../../support/hash-people';
import { readWhole } from '../../support/producer';
import type { Process } from './calls';
import { settingsOf } from './deployments';
import { reconcilerDeps, workerDeps } from './engine';
import { INSTANCE, mainQueue, serviceQueue, urlOf } from './names';
import { withPoison } from './poison';
import { portsOf } from './ports';
import type { Code, World } from './types';

const COMMANDS = { cancel, retry, discard };

export function codeOf(world: World, process: Process): Code {
  const ports = portsOf(world, process);
  const deps = {
    ...reconcilerDeps(world, ports, process),
    audit: 'of-this-run',
    hashPeople,
  };
  const stored = (id: string) => deps.ledger.get(jobKey(serviceQueue(world), id));
  return {
    handler: (remainingMs) => {
      const contract = withPoison(process, world.queue.contract(world, process, ports));
      const deps = workerDeps(world, ports, process);
      return (batch) => handleBatch({ deps, contract, event: batch, remainingMs });
    },
    reconcile: (times) => reconcile(deps, times),
    command: async (what, id) => {
      const row = await stored(id);
      if (row) await COMMANDS[what](deps, row);
    },
    erase: async (person) => {
      const found: Found[] = [];
      for await (const one of findPerson(deps, person)) found.push(one);
      const suppression = suppressionList({ ...deps, prefix: 'jobs' });
      return (await erasePerson({ ...deps, suppression }, person, { found })).left;
    },
    settle: async (id, step, as) => {
      const row = await stored(id);
      if (row?.state !== 'held' || row.steps[step]?.status !== 'unknown') return false;
      await settle(deps, { row, step, as: as() });
      return true;
    },
    control: async (campaign, what) => {
      await campaigns(deps)[what](campaign);
    },
    limit: ({ vendor, lasts, ends, perSecond }) => {
      const until = ends === 'by itself' ? ports.clock.now() + lasts : undefined;
      return limitVendor({ ...deps, by: 'operator' }, { vendor, perSecond, until, reason: 'of this run' });
    },
    resume: async ({ vendor }) => void (await deps.circuits.limit(vendor, { paused: undefined, rate: undefined })),
    suppress: (email) => suppressionList({ ...deps, prefix: 'jobs' }).add([{ email, reason: 'unsubscribed' }]),
    takeEvents: async (events) => {
      await takeEvents({ ...deps, instance: INSTANCE }, events);
    },
    submit: (job) => {
      const producer = {
        ...portsOf(world, process),
        readObject: readWhole(ports.objects),
        hashPeople: deps.hashPeople,
        prefix: 'jobs',
        source: '/sim/api',
        queueUrl: () => urlOf(mainQueue(world)),
        settings: () => settingsOf(world, process),
        ledger: deps.ledger,
        // So the producer chooses chunks of three recipients.
        emailRate: 6,
      };
      return world.queue.submit(producer, job, world);
    },
    cancelPlanned: async (id) => (await jobsOf(async () => deps).cancel(id, { system: true })).cancelled,
  };
}
