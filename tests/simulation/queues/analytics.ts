import { isDeepStrictEqual } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { sha256 } from '../../../lib/engine/jobs/envelope';
import { InvalidJobError } from '../../../lib/engine/submit/errors';
import type { OutgoingMessage } from '../../../lib/platform/ports';
import { dataKey, rejectedKey } from '../../../lib/queues/analytics/keys';
import { ANALYTICS_EVENTS, type AnalyticsEvent } from '../../../lib/queues/analytics/message';
import { analyticsContract } from '../../../lib/queues/analytics/process';
import { ANALYTICS_QUEUE } from '../../../lib/queues/analytics/queue';
import { createTracker } from '../../../packages/producer/tracker';
import { fifoSettings } from '../../support/queue-pair';
import { FOREIGN, type JobSpec } from '../draw/plan';
import type { Producing, SimulatedQueue, World } from '../world/types';
import { isRecord, MARK } from '../world/watch';

const EVENTS = 2;

const eventIds = (index: number): string[] => Array.from({ length: EVENTS }, (_, n) => `event-${index}-${n}`);
const invalidId = (index: number): string => `invalid-${index}`;

/** The valid events of a message, and one that is rejected alone. */
const data = (spec: JobSpec, index: number, time = Date.UTC(2026, 0, 2)) => {
  const valid = eventIds(index).map((id) => eventOf(spec, id, time));
  return { events: [...valid, { ...eventOf(spec, invalidId(index), time), name: '' }] };
};

const eventOf = ({ kind }: JobSpec, id: string, time: number) => ({
  id,
  name: 'screen_viewed',
  properties: { kind, address: `${MARK}@example.com` },
  time: new Date(time).toISOString(),
  user: `${MARK}-user`,
  session: `${MARK}-session`,
  device: `${MARK}-device`,
  anonymous: `${MARK}-anonymous`,
  app: `${MARK}-app`,
  platform: `${MARK}-platform`,
  schema: 1,
});

/** The body of a message, as far as the checks read it. */
interface Body {
  time: string;
  refused?: string;
  data: { events: { id: string; session: string }[] };
}

const SESSIONS = ['one', 'two', 'three'] as const;
/** Events of one moment, of one message, and of a message each. */
const GAPS_MS = [0, 0, 3_000, 20_000] as const;
export const MOST_TRACKED = 6;

/** A process of the API with a tracker of its own. Its events come over time, and it ends after its `flush`. */
async function track(producer: Producing, { spec, index }: { spec: JobSpec; index: number }, world: World) {
  const { chance, watch, reach } = world;
  const sent: OutgoingMessage[] = [];
  const queues: typeof producer.queues = {
    ...producer.queues,
    sendBatch: async (url, messages) => {
      const entries = await producer.queues.sendBatch(url, messages);
      sent.push(...messages.filter((_, place) => entries[place]?.sent));
      return entries;
    },
  };
  const tracker = createTracker(
    { ...producer, queues, source: '/sim/tracker' },
    { shards: 4, maxEvents: chance.between(1, 3) },
  );
  const events: AnalyticsEvent[] = [];
  for (let n = chance.between(1, MOST_TRACKED); n > 0; n--) {
    await producer.clock.sleep(chance.pick(GAPS_MS));
    const event = eventOf(spec, `tracked-${index}-${events.length}`, producer.clock.now());
    events.push({ ...event, session: `${MARK}-${chance.pick(SESSIONS)}` });
    await tracker.track(events.at(-1) as AnalyticsEvent);
  }
  const refusal = await tracker.track({ ...eventOf(spec, '', producer.clock.now()) }).catch((error: unknown) => error);
  if (!(refusal instanceof InvalidJobError)) watch.violated(`nothing lost: an event without an id got ${refusal}`);
  await tracker.flush();

  const bodies = sent.map(({ body }) => JSON.parse(body) as Body);
  reach(bodies.some(({ data }) => data.events.length === 1) ? 'tracked alone' : 'tracked together');
  for (const session of SESSIONS.map((one) => `${MARK}-${one}`)) {
    const idsOf = (all: readonly { id: string; session?: string }[]) =>
      all.filter((one) => one.session === session).map(({ id }) => id);
    const packed = idsOf(bodies.flatMap(({ data }) => data.events));
    if (!isDeepStrictEqual(packed, idsOf(events)))
      watch.violated(`nothing lost: a session tracked ${idsOf(events)}, and its messages have ${packed}`);
  }
  const [id = '', ...more] = sent.map(({ deduplicationId = '' }) => deduplicationId);
  return { id, more };
}

/** What is wrong with the objects of a tracker's message. */
function wrongOfTracked({ stores: { objects }, watch }: World, id: string): string | undefined {
  const { time, data } = JSON.parse(watch.bodies.get(id) ?? '{}') as Body;
  const own = storedUnder(objects, id);
  if (!isDeepStrictEqual(own, [dataKey('jobs', { time: Date.parse(time), id })])) return `it has the objects ${own}`;
  const wanted = data.events.map((event) => event.id);
  return isDeepStrictEqual(idsIn(objects, own), wanted) ? undefined : `its object does not hold ${wanted}`;
}

type Stored = World['stores']['objects'];

/** A body is kept too if the answer to its write is lost. Its row does not name it, and a lifecycle rule deletes it. */
const storedUnder = (objects: Stored, id: string): string[] =>
  objects.keys().filter((key) => key.includes(id) && !isRecord(key) && !/-late\/|\/_bodies\//.test(key));

function idsIn(objects: Stored, keys: readonly string[]): (string | undefined)[] {
  const lines = keys.flatMap((key) => gunzipSync(objects.bytes(key)).toString('utf8').split('\n').filter(Boolean));
  const events = lines.map((line) => JSON.parse(line) as { id?: string; event?: { id: string } });
  return events.map(({ id, event }) => id ?? event?.id);
}

/** A message has the same id however often its tracker sends it. */
const idOf = (key: string): string => sha256(key).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');
const timeOf = ({ plan }: World, { at }: JobSpec): number => plan.start + at;

/** Batches of events. The work may be repeated, and has no row until something goes wrong. */
export const analytics: SimulatedQueue = {
  name: ANALYTICS_QUEUE,
  settings: { ...fifoSettings, retention: 604_800, visibility: 120 },
  functionTimeoutMs: 20_000,
  callerMs: 10 * 60_000,
  batches: [10, 3, 1],
  // Leaves out `stolen-id`: without rows, a message that steals an id before the real message runs would take its
  // place.
  kinds: ['good', 'tracked', 'kills-before', 'kills-after', ...FOREIGN.filter((kind) => kind !== 'stolen-id')],
  type: ANALYTICS_EVENTS,
  contract: (_world, _process, { objects, metrics }) => analyticsContract({ objects, metrics, prefix: 'jobs' }),
  data: (spec, index) => data(spec, index),
  group: ({ group }) => `shard-${group}`,
  submit: async (producer, job, world) => {
    const { spec, index, key } = job;
    if (spec.kind === 'tracked') return track(producer, job, world);
    const { queues, queueUrl } = producer;
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
    if (spec.kind === 'tracked') return wrongOfTracked(world, id);
    const { objects } = world.stores;
    const place = { time: timeOf(world, spec), id };
    const own = storedUnder(objects, id);
    if (!isDeepStrictEqual(own, [dataKey('jobs', place), rejectedKey('jobs', place)]))
      return `it has the objects ${own}`;
    const isWhole = isDeepStrictEqual(idsIn(objects, own), [...eventIds(index), invalidId(index)]);
    return isWhole ? undefined : 'its objects hold other events';
  },
};
