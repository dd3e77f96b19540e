import { gunzipSync, gzipSync } from 'node:zlib';
import type { Envelope } from '../../engine/jobs/envelope';
import { ERASED } from '../../engine/jobs/keys';
import { type MessageType, messageType, type QueueContract } from '../../engine/worker/contract';
import { IdTakenError, StoreError } from '../../platform/errors';
import type { Metrics, Objects } from '../../platform/ports';
import { dataKey, HOUR_MS, hourStart, LATE_AFTER_MS, lateKey, rejectedKey } from './keys';
import {
  ANALYTICS_EVENTS,
  type AnalyticsBatch,
  type AnalyticsEvent,
  addressProblem,
  analyticsSchema,
  type EventProblem,
  keyOf,
  problemOf,
} from './message';
import { ANALYTICS_QUEUE } from './queue';

interface AnalyticsDeps {
  objects: Objects;
  metrics: Metrics;
  prefix: string;
  /** Jobs from this time (ms) on may hold no mail addresses. */
  noAddressesFrom?: number | undefined;
}

type Work = NonNullable<MessageType<AnalyticsBatch>['direct']>;

/**
 * Stores events as objects in the partition of their job's `time`. The same message makes the same lines under the same
 * key. So two workers may process it at any time, even at once, without a row. An existing object stays unchanged.
 * Another message with the same id is refused with an IdTakenError.
 */
export function analyticsContract(deps: AnalyticsDeps): QueueContract {
  const work: Work = (job, context) => store(deps, job, context);
  return {
    queue: ANALYTICS_QUEUE,
    types: { [ANALYTICS_EVENTS]: messageType({ schema: analyticsSchema, process: work, direct: work }) },
  };
}

/** More names of one message are not logged, so that a message cannot fill the log. */
const MOST_NAMES = 20;

async function store(deps: AnalyticsDeps, { data, envelope }: Parameters<Work>[0], { now, log }: Parameters<Work>[1]) {
  const place = { time: Date.parse(envelope.time), id: envelope.id };
  const { accepted, rejected, names, repeats } = encodeBatch(envelope, data.events, deps.noAddressesFrom);
  if (accepted) {
    const isErased = await write(deps.objects, dataKey(deps.prefix, place), accepted, envelope);
    // After the original. So the function that finds this copy finds the original too.
    const arrived = now();
    if (!isErased && arrived >= hourStart(place.time) + HOUR_MS + LATE_AFTER_MS)
      await write(deps.objects, lateKey(deps.prefix, { ...place, arrived }), accepted, envelope);
  }
  if (rejected) await write(deps.objects, rejectedKey(deps.prefix, place), rejected, envelope);
  // A repeated message is counted again. The numbers only show trends, and the objects are exact.
  const counts = { accepted: accepted?.events ?? 0, rejected: rejected?.events ?? 0 };
  deps.metrics.add('EventsAccepted', counts.accepted, 'Count', {});
  // A repeat does no harm, and no person can do anything about it.
  deps.metrics.add('EventsRejected', counts.rejected - repeats + Number(envelope.refused ?? 0), 'Count', {});
  // From `track` of the first event of a message. Programs that do not say it packed at once.
  const since = Date.parse((data.events as { received?: string }[])[0]?.received ?? envelope.time);
  deps.metrics.add('TimeToStore', now() - (Number.isNaN(since) ? place.time : since), 'Milliseconds', {});
  if (accepted)
    log.info('message stored', { queue: ANALYTICS_QUEUE, count: accepted.events, bytes: accepted.bytes.length });
  const most = [...names].sort(([, a], [, b]) => b - a).slice(0, MOST_NAMES);
  for (const [event, count] of most) log.info('events stored', { queue: ANALYTICS_QUEUE, event, count });
  return counts;
}

/**
 * Writes a message's object (gzip NDJSON) if there is none. An object with the same lines comes from an earlier
 * delivery of this message. It compares lines, because another zlib makes other bytes. An object from which lines were
 * erased counts as written, and the answer is true. Throws an IdTakenError for other lines.
 */
async function write(objects: Objects, key: string, { bytes, events }: Encoded, envelope: Envelope): Promise<boolean> {
  const { id, source, partitionkey = '', sequence = '' } = envelope;
  const metadata = { job: id, source: ascii(source), group: ascii(partitionkey), sequence, events: String(events) };
  if ((await objects.create(key, bytes, 'application/gzip', metadata)) === 'created') return false;
  const stored = await objects.read(key);
  // An operator or a lifecycle rule removed it between the two calls. The work starts again and writes it.
  if (!stored) throw new StoreError({ code: 'ObjectGone', message: 'the object was just removed' });
  if (ERASED in stored.metadata) return true;
  if (!hasLines(stored.bytes, gunzipSync(bytes))) throw new IdTakenError();
  return false;
}

/** S3 sends metadata as HTTP headers, which must be ASCII. */
const ascii = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?');

function hasLines(stored: Uint8Array, lines: Buffer): boolean {
  try {
    return gunzipSync(stored).equals(lines);
  } catch {
    // The object is not ours, and we must not overwrite it either.
    return false;
  }
}

/** The cheapest level in S3 and Lambda together: docs/analytics.md has the sum. */
export const GZIP = { level: 7, memLevel: 9 } as const;

/** The content of one object: gzip NDJSON with one event per line. */
interface Encoded {
  bytes: Uint8Array;
  events: number;
}

type Head = Pick<Envelope, 'id' | 'source' | 'time' | 'partitionkey' | 'sequence'>;

const FIRST_BYTES = 1024 * 1024;
/** The most bytes of UTF-8 for one unit of UTF-16. */
const MOST_BYTES = 3;

/**
 * A buffer that is reused for the next message. Each event is written directly where zlib reads it. A single string of
 * all lines would be copied three times, which costs a quarter of the time for parsing and compressing.
 */
function createLines() {
  let buffer = Buffer.alloc(0);
  let tail = Buffer.alloc(0);
  let end = 0;
  let count = 0;

  function reserve(bytes: number): void {
    if (end + bytes <= buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 * buffer.length, end + bytes));
    buffer.copy(larger, 0, 0, end);
    buffer = larger;
  }

  return {
    /** Clears the buffer. `members` (JSON without braces) will end each of the next lines. */
    begin(members: string): void {
      tail = Buffer.from(`,${members}}\n`);
      end = 0;
      count = 0;
    },
    /** `json` is a non-empty object without lone surrogates. */
    add(json: string): void {
      reserve(json.length * MOST_BYTES + tail.length);
      const brace = end + buffer.write(json, end) - 1;
      buffer.set(tail, brace);
      end = brace + tail.length;
      count++;
    },
    count: () => count,
    /** Valid until the next `add` or `begin`. */
    bytes: (): Uint8Array => buffer.subarray(0, end),
  };
}

const acceptedLines = createLines();
const rejectedLines = createLines();

/**
 * Splits a message's events into valid and rejected ones and encodes both. Each line is the original event plus its
 * origin from the envelope, so the same message always makes the same bytes. Messages of jobs from `noAddressesFrom`
 * (ms) on may hold no addresses.
 */
export function encodeBatch(envelope: Head, events: readonly unknown[], noAddressesFrom = Number.POSITIVE_INFINITY) {
  const jobTime = Date.parse(envelope.time);
  const noAddresses = jobTime >= noAddressesFrom;
  const origin = originOf(envelope);
  const seen = new Set<unknown>();
  const names = new Map<string, number>();
  let repeats = 0;
  acceptedLines.begin(origin);
  rejectedLines.begin(origin);

  for (let index = 0; index < events.length; index++) {
    const event = events[index];
    const json = textOf(event);
    const problem =
      problemOf(event, jobTime, json) ??
      (seen.has(keyOf(event as AnalyticsEvent)) ? REPEAT : undefined) ??
      (noAddresses ? addressProblem(event as AnalyticsEvent) : undefined);
    if (problem === REPEAT) repeats++;
    if (problem) {
      rejectedLines.add(rejection(json, problem, index));
      continue;
    }
    const { name } = event as AnalyticsEvent;
    seen.add(keyOf(event as AnalyticsEvent));
    names.set(name, (names.get(name) ?? 0) + 1);
    acceptedLines.add(json);
  }
  return { accepted: encoded(acceptedLines), rejected: encoded(rejectedLines), names, repeats };
}

const encoded = (lines: ReturnType<typeof createLines>): Encoded | undefined =>
  lines.count() === 0 ? undefined : { bytes: gzipSync(lines.bytes(), GZIP), events: lines.count() };

function originOf({ id, source, time, partitionkey, sequence }: Head): string {
  const number = sequence === undefined ? null : Number(sequence);
  const members = { job: id, source, group: partitionkey ?? null, sequence: number, accepted: time };
  return JSON.stringify(members).slice(1, -1);
}

const REPEAT: EventProblem = {
  field: 'id',
  rule: 'must not repeat an id of the same user and session in a message',
};

function rejection(event: string, { field, rule }: EventProblem, index: number): string {
  const path = `data.events.${index}${field === '' ? '' : `.${field}`}`;
  return `${JSON.stringify({ field: path, rule }).slice(0, -1)},"event":${event}}`;
}

/** JSON that is nested thousands of levels deep can be parsed but not written. Such a line keeps only the reason. */
function textOf(event: unknown): string {
  try {
    return JSON.stringify(event);
  } catch (error) {
    if (error instanceof RangeError) return 'null';
    throw error;
  }
}
