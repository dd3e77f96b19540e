import { recordFolder } from '../../../lib/engine/jobs/keys';
import { type Finding, findings } from '../../../packages/verify/check';
import type { Effect, Entry, Item, Snapshot } from '../../../packages/verify/snapshot';
import { entriesOf, serviceQueue } from '../world/names';
import type { World } from '../world/types';
import { isRecord } from '../world/watch';
import type { Promised } from './rest';

/** Once the run is at rest, `sls verify` must find nothing. It shares no code with the service or with these checks. */
export const verifierAgrees: Promised = (world) => {
  // Some simulated messages are no envelopes, and their numbers are missing.
  // It reads the order from the clocks of two processes. `order-is-kept.ts` reads it from the effects. A row that was
  // restored does not tell that its message waited outside the queue, while others of its group went on.
  const isBehind = (what: string) => [...world.damaged].some((id) => what.includes(id));
  const isReadable = ({ kind, what }: Finding) =>
    kind === 'order-broken' ? world.plan.skew === undefined && !isBehind(what) : kind !== 'message-missing';
  // It names each damaged row, and whatever else is wrong because of the damage.
  const snapshot = snapshotOf(world);
  const all = findings(snapshot);
  const broken = [...world.watch.broken].filter((key) => key.startsWith(`${serviceQueue(world)}#`));
  const unseen = broken.find((key) => !all.some(({ id }) => id === key));
  if (unseen) return `the verifier agrees: it does not see that ${unseen} is damaged`;
  const found = all.find((one) => isReadable(one) && !broken.some((key) => isAbout(one.id, key, snapshot)));
  return found && `the verifier agrees: it finds ${found.kind} of ${found.id}: ${found.what}`;
};

function isAbout(id: string, key: string, { entries }: Snapshot): boolean {
  const job = key.slice(key.indexOf('#') + 1);
  return (
    id.includes(job) || entries.some(({ messageId, attributes }) => id.includes(messageId) && attributes.job === job)
  );
}

function snapshotOf(world: World): Snapshot {
  const { stores, settings, kernel, vendors } = world;
  const name = serviceQueue(world);
  const { objects, table } = stores;
  const mine = (item: Item) => item.queue === name || (name === 'emails' && item.key.startsWith('campaign#'));
  const items = (table.items() as Item[]).filter(mine);
  const folder = recordFolder('jobs', name);
  const records = objects.keys().filter((key) => isRecord(key) && key.startsWith(`${folder}/`));
  const entries = entriesOf(world).map((entry) => ({ ...entry, queue: name }) as Entry);
  return {
    prefix: 'jobs',
    queues: [
      {
        name,
        records: folder.slice('jobs/'.length),
        fifo: settings.type === 'fifo' && !world.queue.isDoneWithout,
        retentionMs: settings.retention * 1000,
        dlqRetentionMs: settings.dlqRetention * 1000,
      },
    ],
    from: 0,
    at: kernel.now(),
    items,
    known: new Map(items.map((item) => [item.key, item])),
    records: new Map(records.map((key) => [key, objects.text(key)])),
    bodies: objects.keys().filter((key) => key.startsWith(`jobs/_bodies/${name}/`)),
    entries,
    hidden: new Set(),
    messages: [],
    effects: name === 'feedback' ? ticketsOf(vendors) : [],
  };
}

const ticketsOf = ({ zendesk }: World['vendors']): Effect[] =>
  zendesk.tickets.flatMap(({ external_id, id }) =>
    external_id === null ? [] : [{ job: external_id, what: 'ticket', id: String(id) }],
  );
