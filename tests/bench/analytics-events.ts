import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { ANALYTICS_EVENTS, type AnalyticsEvent, shardOf } from '../../lib/queues/analytics/message';
import { encodeBatch } from '../../lib/queues/analytics/process';
import { recordOf } from '../../packages/local/event-source-mapping';
import { createPacker, type Packed, type PackingLimits, packingLimits } from '../../packages/producer/tracker';
import { createChance } from '../simulation/world/chance';
import { jobId } from '../support/engine';
import { memoryRandom } from '../support/memory-clock';

const NAMES = ['screen_viewed', 'button_tapped', 'purchase', 'search', 'session_started'];
const COUNTRIES = ['DE', 'US', 'FR', 'JP'];
export const START = Date.UTC(2026, 0, 2, 3);

/** An event of an app's SDK, about 350 bytes of JSON. */
export function appEvent(n: number, next: () => number, at = START): AnalyticsEvent {
  const hex = (digits: number) =>
    Math.floor(next() * 16 ** digits)
      .toString(16)
      .padStart(digits, '0');
  return {
    id: `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(6)}${hex(6)}`,
    name: NAMES[n % NAMES.length] ?? '',
    time: new Date(at + n * 7).toISOString(),
    user: `u-${Math.floor(next() * 5_000)}`,
    session: `${hex(8)}${hex(8)}`,
    device: `iPhone${8 + Math.floor(next() * 9)},2`,
    schema: 1,
    properties: {
      screen: `screen-${Math.floor(next() * 40)}`,
      os: 'iOS 19.1',
      app: '2.4.1',
      duration: Math.floor(next() * 10_000),
      price: Math.round(next() * 10_000) / 100,
      first: next() < 0.1,
      country: COUNTRIES[Math.floor(next() * COUNTRIES.length)] ?? '',
      referrer: 'https://example.com/path/to/page',
    },
  };
}

export function* packedMessages(events: number, limits: Partial<PackingLimits> = {}): Generator<Packed> {
  const next = createChance(7).fraction;
  const ready: Packed[] = [];
  const clock = { now: () => START, sleep: () => new Promise<void>(() => {}) };
  const deps = { source: '/my/api', clock, random: memoryRandom() };
  const packer = createPacker(deps, packingLimits.parse(limits), (packed) => ready.push(packed));
  for (let n = 0; n < events; n++) {
    const event = appEvent(n, next);
    packer.add(event, JSON.stringify(event));
    yield* ready.splice(0);
  }
  packer.sealAll();
  yield* ready.splice(0);
}

/** Messages of one event each, from a sender that does not pack. */
export function* singleMessages(events: number): Generator<Packed> {
  const next = createChance(7).fraction;
  for (let n = 0; n < events; n++) {
    const event = appEvent(n, next);
    const id = jobId(n);
    const head = { specversion: '1.0', id, type: ANALYTICS_EVENTS, source: '/my/api', time: new Date(START) };
    const body = JSON.stringify({ ...head, data: { events: [event] } });
    yield { id, group: shardOf(event, packingLimits.parse({}).shards), body, wave: 0 };
  }
}

/** The lines of a message as the worker stores them, in gzip. */
export function linesOf(body: string): Uint8Array {
  const envelope = JSON.parse(body);
  return encodeBatch(envelope, envelope.data.events).accepted?.bytes ?? new Uint8Array();
}

/** Batches like Lambda's: at most ten messages and 6 MB. Escaping adds about 20 % to a body inside JSON. */
export function* batches(messages: Iterable<Packed>): Generator<SQSEvent> {
  for (const group of groups(messages, ({ body }) => body.length * 1.2, 6_000_000))
    yield { Records: group.map((message) => record(message)) };
}

/** Groups in the given order, of at most ten things and so many bytes. */
export function* groups<T>(things: Iterable<T>, bytesOf: (thing: T) => number, mostBytes: number): Generator<T[]> {
  let group: T[] = [];
  let bytes = 0;
  for (const thing of things) {
    if (group.length === 10 || bytes + bytesOf(thing) > mostBytes) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(thing);
    bytes += bytesOf(thing);
  }
  if (group.length > 0) yield group;
}

export const record = (
  { id, group, body }: Packed,
  { queue = 'analytics', sentAt = START, token = '' } = {},
): SQSRecord => {
  const system = { ApproximateReceiveCount: '1', SentTimestamp: String(sentAt), SequenceNumber: '1' };
  return recordOf(
    {
      ...{ MessageId: id, ReceiptHandle: 'r', Body: body, Attributes: { ...system, MessageGroupId: group } },
      MessageAttributes: token === '' ? {} : { token: { DataType: 'String', StringValue: token } },
    },
    `my-${queue}.fifo`,
  );
};
