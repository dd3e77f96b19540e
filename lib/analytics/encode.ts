import { gzipSync } from 'node:zlib';
import type { Envelope } from '../jobs/envelope';
import { type AnalyticsEvent, addressProblem, type EventProblem, problemOf } from './event';

/** The cheapest level in S3 and Lambda together: docs/analytics.md has the sum. */
export const GZIP = { level: 7, memLevel: 9 } as const;

/** The content of one object: gzip NDJSON with one event per line. */
export interface Encoded {
  bytes: Uint8Array;
  events: number;
}

export interface EncodedBatch {
  accepted?: Encoded;
  rejected?: Encoded;
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
 * (ms) on may hold no addresses. `body`: the message that the events come from, whose text saves work.
 */
export function encodeBatch(
  envelope: Head,
  events: readonly unknown[],
  {
    noAddressesFrom = Number.POSITIVE_INFINITY,
    body = '',
  }: { noAddressesFrom?: number | undefined; body?: string | undefined } = {},
): EncodedBatch {
  const jobTime = Date.parse(envelope.time);
  const noAddresses = jobTime >= noAddressesFrom;
  const origin = originOf(envelope);
  const seen = new Set<unknown>();
  const names = new Map<string, number>();
  acceptedLines.begin(origin);
  rejectedLines.begin(origin);

  const texts = textsIn(body, events);
  for (let index = 0; index < events.length; index++) {
    const event = events[index];
    const json = texts?.[index] ?? textOf(event);
    const problem =
      problemOf(event, jobTime, json) ??
      repeated(event, seen) ??
      (noAddresses ? addressProblem(event as AnalyticsEvent) : undefined);
    if (problem) {
      rejectedLines.add(rejection(textOf(event), problem, index));
      continue;
    }
    const { id, name } = event as { id: string; name: string };
    seen.add(id);
    names.set(name, (names.get(name) ?? 0) + 1);
    acceptedLines.add(json);
  }
  const [accepted, rejected] = [encoded(acceptedLines), encoded(rejectedLines)];
  return { names, ...(accepted && { accepted }), ...(rejected && { rejected }) };
}

const encoded = (lines: ReturnType<typeof createLines>): Encoded | undefined =>
  lines.count() === 0 ? undefined : { bytes: gzipSync(lines.bytes(), GZIP), events: lines.count() };

function originOf({ id, source, time, partitionkey, sequence }: Head): string {
  const members = {
    job: id,
    source,
    group: partitionkey ?? null,
    sequence: sequence === undefined ? null : Number(sequence),
    accepted: time,
  };
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

const BEFORE_EVENTS = '"data":{"events":[';
const AFTER_EVENTS = ']}}';
const EXPONENT = /:\s*-?\d[\d.]*[eE]/;

/**
 * Each event as the body writes it, if that is what JSON.stringify writes for each valid event. Only an exponent makes
 * a text shorter than that. So events that take no more room in a body without exponents have no spaces, no escapes, no
 * key twice and no other form of a number. To add up lengths takes half the time of writing the events.
 */
function textsIn(body: string, events: readonly unknown[]): string[] | undefined {
  const start = body.indexOf(BEFORE_EVENTS);
  if (start < 0 || !body.isWellFormed() || EXPONENT.test(body)) return undefined;
  let next = start + BEFORE_EVENTS.length;
  const texts = events.map((event) => {
    const at = next;
    const end = at + lengthOf(event);
    next = end + 1;
    return body.slice(at, end);
  });
  return next - 1 + AFTER_EVENTS.length === body.length ? texts : undefined;
}

/** A number of this length has at most fifteen digits, so it has one form without an exponent. */
const LONGEST_NUMBER = 15;

/** The length of a value as JSON.stringify writes it without escapes. NaN for a value that no valid event has. */
function lengthOf(value: unknown, levels = 2): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) {
    const { length } = String(value);
    return typeof value !== 'number' || length <= LONGEST_NUMBER ? length : Number.NaN;
  }
  if (Array.isArray(value) || levels === 0) return Number.NaN;
  let length = 1;
  for (const key in value) length += key.length + 4 + lengthOf((value as Record<string, unknown>)[key], levels - 1);
  return Math.max(length, 2);
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
