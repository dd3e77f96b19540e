import { isDeepStrictEqual } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { sha256 } from '../../../lib/engine/jobs/envelope';
import { dataKey, rejectedKey } from '../../../lib/queues/analytics/keys';
import { ANALYTICS_EVENTS } from '../../../lib/queues/analytics/message';
import { analyticsContract } from '../../../lib/queues/analytics/process';
import { ANALYTICS_QUEUE } from '../../../lib/queues/analytics/queue';
import { fifoSettings } from '../../support/queue-pair';
import { FOREIGN, type JobSpec } from '../draw/plan';
import type { SimulatedQueue, World } from '../world/types';
import { isRecord, MARK } from '../world/watch';

const EVENTS = 2;

const eventIds = (index: number): string[] => Array.from({ length: EVENTS }, (_, n) => `event-${index}-${n}`);
const invalidId = (index: number): string => `invalid-${index}`;

/** The valid events of a message, and one that is rejected alone. */
const data = ({ kind }: JobSpec, index: number, time = Date.UTC(2026, 0, 2)) => {
  const common = {
    time: new Date(time).toISOString(),
    user: `${MARK}-user`,
    session: `${MARK}-session`,
    device: `${MARK}-device`,
    anonymous: `${MARK}-anonymous`,
    app: `${MARK}-app`,
    platform: `${MARK}-platform`,
    schema: 1,
  };
  const properties = { kind, address: `${MARK}@example.com` };
  const valid = eventIds(index).map((id) => ({ id, name: 'screen_viewed', properties, ...common }));
  return { events: [...valid, { id: invalidId(index), name: '', properties, ...common }] };
};

/** A message has the same id however often its tracker sends it. */
const idOf = (key: string): string => sha256(key).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');
const timeOf = ({ plan }: World, { at }: JobSpec): number => plan.start + at;

/** Batches of events. The work may be repeated, and has no row until something goes wrong. */
export const analytics: SimulatedQueue = {
  name: ANALYTICS_QUEUE,
  settings: { ...fifoSettings, retention: 604_800, visibility: 120 },
  functionTimeoutMs: 20_000,
  batches: [10, 3, 1],
  // Leaves out `stolen-id`: without rows, a message that steals an id before the real message runs would take its
  // place.
  kinds: ['good', 'kills-before', 'kills-after', ...FOREIGN.filter((kind) => kind !== 'stolen-id')],
  type: ANALYTICS_EVENTS,
  contract: (_world, _process, { objects, metrics }) => analyticsContract({ objects, metrics, prefix: 'jobs' }),
  data: (spec, index) => data(spec, index),
  group: ({ group }) => `shard-${group}`,
  submit: async ({ queues, queueUrl }, { spec, index, key }, world) => {
    const id = idOf(key);
    const group = analytics.group(spec);
    const time = timeOf(world, spec);
    const body = JSON.stringify({
      ...{ specversion: '1.0', id, type: ANALYTICS_EVENTS, source: '/sim/tracker', time: new Date(time).toISOString() },
      ...{ sequence: String(index + 1), partitionkey: group, data: data(spec, index, time) },
    });
    await queues.send(queueUrl(ANALYTICS_QUEUE), { body, groupId: group, deduplicationId: id });
    return { id };
  },
  isDoneWithout: (world, id, spec, index) => analytics.wrong(world, id, spec, index) === undefined,
  wrong: (world, id, spec, index) => {
    const { objects } = world.stores;
    const place = { time: timeOf(world, spec), id };
    // A body is kept too if the answer to its write is lost. Its row does not name it, and a lifecycle rule deletes it.
    const own = objects.keys().filter((key) => key.includes(id) && !isRecord(key) && !/-late\/|\/_bodies\//.test(key));
    if (!isDeepStrictEqual(own, [dataKey('jobs', place), rejectedKey('jobs', place)]))
      return `it has the objects ${own}`;
    const lines = own.flatMap((key) => gunzipSync(objects.bytes(key)).toString('utf8').split('\n').filter(Boolean));
    const events = lines.map((line) => JSON.parse(line) as { id?: string; event?: { id: string } });
    const ids = events.map(({ id, event }) => id ?? event?.id);
    return isDeepStrictEqual(ids, [...eventIds(index), invalidId(index)]) ? undefined : 'its objects hold other events';
  },
};
