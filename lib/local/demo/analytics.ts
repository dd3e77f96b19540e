import { setTimeout as sleep } from 'node:timers/promises';
import type { AnalyticsEvent } from '../../analytics/event';
import { dataPrefix, rejectedPrefix } from '../../analytics/keys';
import { textOf } from '../../analytics/lines';
import { ANALYTICS_EVENTS } from '../../analytics/message';
import { ANALYTICS_QUEUE } from '../../jobs/keys';
import type { Objects } from '../../ports';
import type { Service } from '../service';
import type { Progress } from './progress';
import { textTable } from './text-table';

export const EVENTS = 100_000;
/** The events are spread over so many hours before now. */
const HOURS = 4;
const LOOK_MS = 200;
const INVALID = [{ name: 'no_id' }, 'not an event'];

export const INVALID_EVENTS = INVALID.length;

export interface AnalyticsOutcome {
  /** The text to print. */
  text: string;
  /** Empty if everything is as expected. */
  differences: string[];
}

/** Tracks 100,000 events and sends a message with two invalid ones. Then it counts the events in the bucket. */
export async function analyticsDemo(
  service: Service,
  { progress, limitMs }: { progress: Progress; limitMs: number },
): Promise<AnalyticsOutcome> {
  const { tracker, ports, config } = service;
  const begun = Date.now();
  const sent = new Map<string, number>();
  for (let n = 0; n < EVENTS; n++) {
    const event = eventOf(n, begun);
    add(sent, hourOf(event.time));
    await tracker.track(event);
  }
  await sendInvalid(service);
  await tracker.flush();

  const accepted = counter(ports.objects, dataPrefix(config.PREFIX));
  const rejected = counter(ports.objects, rejectedPrefix(config.PREFIX));
  for (const until = begun + limitMs; Date.now() < until; await sleep(LOOK_MS)) {
    await Promise.all([accepted.look(), rejected.look()]);
    const done = accepted.lines() + rejected.lines();
    progress.report({ what: 'events', state: `${done} stored`, done, waitingFor: 'the bucket' });
    if (done >= EVENTS + INVALID.length) break;
  }
  const seconds = (Date.now() - begun) / 1000;
  return { text: shown({ sent, accepted, rejected, seconds }), differences: differences({ sent, accepted, rejected }) };
}

const eventOf = (n: number, now: number): AnalyticsEvent => ({
  id: `demo-${n}`,
  name: n % 10 === 0 ? 'purchase' : 'screen_viewed',
  time: new Date(now - (n % (HOURS * 60)) * 60_000).toISOString(),
  user: `user-${n % 5_000}`,
  session: `session-${n % 20_000}`,
  properties: { screen: `screen-${n % 40}`, app: '2.4.1', ms: n % 1_000 },
});

/** The tracker refuses invalid events, so this sends a message straight to the queue. */
async function sendInvalid({ ports, declared }: Service): Promise<void> {
  const queue = declared.mappings.find(({ functionKey }) => functionKey === ANALYTICS_QUEUE)?.queue;
  const url = declared.queues.find(({ name }) => name === queue)?.url ?? '';
  const id = crypto.randomUUID();
  const head = {
    specversion: '1.0',
    id,
    type: ANALYTICS_EVENTS,
    source: 'urn:example:demo',
    time: new Date().toISOString(),
  };
  await ports.queues.send(url, {
    body: JSON.stringify({ ...head, data: { events: INVALID } }),
    groupId: 'shard-0',
    deduplicationId: id,
  });
}

type Counter = ReturnType<typeof counter>;

/** Counts the events under a prefix. It reads each object once. */
function counter(objects: Objects, prefix: string) {
  const seen = new Set<string>();
  const ids = new Set<string>();
  const hours = new Map<string, number>();
  let [bytes, lines] = [0, 0];
  return {
    async look(): Promise<void> {
      for (const key of await objects.list(prefix)) {
        const object = seen.has(key) ? undefined : await objects.get(key);
        if (!object) continue;
        seen.add(key);
        bytes += object.length;
        for (const line of textOf(key, object).toString('utf8').split('\n')) {
          if (line === '') continue;
          const event = JSON.parse(line) as Partial<AnalyticsEvent>;
          lines++;
          if (event.id !== undefined) ids.add(event.id);
          if (event.time !== undefined) add(hours, hourOf(event.time));
        }
      }
    },
    objects: () => seen.size,
    lines: () => lines,
    ids: () => ids.size,
    bytes: () => bytes,
    hours,
  };
}

const hourOf = (time: string): string => time.slice(0, 13);
const add = (counts: Map<string, number>, hour: string): void => void counts.set(hour, (counts.get(hour) ?? 0) + 1);
const whole = (count: number): string => Math.round(count).toLocaleString('en');

interface Counted {
  sent: Map<string, number>;
  accepted: Counter;
  rejected: Counter;
}

function shown({ sent, accepted, rejected, seconds }: Counted & { seconds: number }): string {
  const hours = [...new Set([...sent.keys(), ...accepted.hours.keys()])].sort();
  const rows = hours.map((hour) => [hour, whole(sent.get(hour) ?? 0), whole(accepted.hours.get(hour) ?? 0)]);
  return [
    `${whole(accepted.lines())} events in ${seconds.toFixed(1)} s (${whole(accepted.lines() / seconds)} a second, with reading), ` +
      `${accepted.objects()} objects, ${whole(accepted.bytes())} bytes; ${rejected.lines()} rejected.`,
    '',
    textTable(['Hour (UTC)', 'Sent', 'In S3'], rows),
  ].join('\n');
}

function differences({ sent, accepted, rejected }: Counted): string[] {
  const wrong = (what: string, is: number, mustBe: number) =>
    is === mustBe ? [] : [`analytics: ${what}: expected ${mustBe}, got ${is}`];
  return [
    ...wrong('events', accepted.lines(), EVENTS),
    ...wrong('distinct events', accepted.ids(), EVENTS),
    ...wrong('rejected events', rejected.lines(), INVALID.length),
    ...[...sent].flatMap(([hour, count]) => wrong(`events in ${hour}`, accepted.hours.get(hour) ?? 0, count)),
  ];
}
