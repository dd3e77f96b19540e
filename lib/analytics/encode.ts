import { gzipSync } from 'node:zlib';
import type { Envelope } from '../jobs/envelope';
import { type AnalyticsEvent, addressProblem, type EventProblem, problemOf } from './message';

/** The cheapest level in S3 and Lambda together: docs/analytics.md has the sum. */
export const GZIP = { level: 7, memLevel: 9 } as const;

/** The content of one object: gzip NDJSON with one event per line. */
export interface Encoded {
  bytes: Uint8Array;
  events: number;
}

export interface EncodedBatch {
  /** `undefined`: no event was accepted. */
  accepted: Encoded | undefined;
  rejected: Encoded | undefined;
  /** How many events of each name were accepted. */
  names: Map<string, number>;
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
export function encodeBatch(
  envelope: Head,
  events: readonly unknown[],
  noAddressesFrom = Number.POSITIVE_INFINITY,
): EncodedBatch {
  const jobTime = Date.parse(envelope.time);
  const noAddresses = jobTime >= noAddressesFrom;
  const origin = originOf(envelope);
  const seen = new Set<unknown>();
  const names = new Map<string, number>();
  acceptedLines.begin(origin);
  rejectedLines.begin(origin);

  for (let index = 0; index < events.length; index++) {
    const event = events[index];
    const json = textOf(event);
    const problem =
      problemOf(event, jobTime, json) ??
      repeated(event, seen) ??
      (noAddresses ? addressProblem(event as AnalyticsEvent) : undefined);
    if (problem) {
      rejectedLines.add(rejection(json, problem, index));
      continue;
    }
    const { id, name } = event as { id: string; name: string };
    seen.add(id);
    names.set(name, (names.get(name) ?? 0) + 1);
    acceptedLines.add(json);
  }
  return { accepted: encoded(acceptedLines), rejected: encoded(rejectedLines), names };
}

const encoded = (lines: ReturnType<typeof createLines>): Encoded | undefined =>
  lines.count() === 0 ? undefined : { bytes: gzipSync(lines.bytes(), GZIP), events: lines.count() };

function originOf({ id, source, time, partitionkey, sequence }: Head): string {
  const number = sequence === undefined ? null : Number(sequence);
  const members = { job: id, source, group: partitionkey ?? null, sequence: number, accepted: time };
  return JSON.stringify(members).slice(1, -1);
}

function repeated(event: unknown, seen: Set<unknown>): EventProblem | undefined {
  if (!seen.has((event as { id: string }).id)) return undefined;
  return { field: 'id', rule: 'must not repeat an id of the same message' };
}

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
