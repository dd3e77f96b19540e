import { gunzipSync, gzipSync } from 'node:zlib';
import { parseEnvelope } from '../../lib/engine/jobs/envelope';
import type { Objects } from '../../lib/platform/ports';
import {
  dataKey,
  dataPrefix,
  HOUR_MS,
  hourOf,
  latePrefix,
  parquetPrefix,
  rejectedKey,
} from '../../lib/queues/analytics/keys';
import { ANALYTICS_EVENTS, type AnalyticsEvent } from '../../lib/queues/analytics/message';
import { type EventRow, fromParquet, rowOf } from '../../lib/queues/analytics/parquet';
import { encodeBatch } from '../../lib/queues/analytics/process';
import { envelope, PREFIX } from './engine';

/** When the producer accepts the jobs of these tests, by default. */
export const ACCEPTED_AT = '2026-01-02T03:04:05.000Z';

export const anEvent = (n = 1, changes: Partial<Record<keyof AnalyticsEvent, unknown>> = {}): AnalyticsEvent =>
  ({
    id: `event-${n}`,
    name: 'screen_viewed',
    time: '2026-01-02T03:04:04.500Z',
    user: `user-${n % 7}`,
    session: `session-${n % 11}`,
    properties: { screen: 'home', ms: n },
    schema: 1,
    ...changes,
  }) as AnalyticsEvent;

/** Events from..to, both included. */
export const someEvents = (from: number, to: number): AnalyticsEvent[] =>
  Array.from({ length: to - from + 1 }, (_, index) => anEvent(from + index));

export const analyticsBody = (
  events: unknown[],
  { n = 1, ...changes }: { n?: number; [attribute: string]: unknown } = {},
): string =>
  envelope(n, {
    ...{ type: ANALYTICS_EVENTS, source: '/my/api/producer-1', time: ACCEPTED_AT },
    ...{ sequence: String(n), partitionkey: 'shard-3', data: { events }, ...changes },
  });

export type Line = AnalyticsEvent & { job: string; sequence: number | null; field?: string; event?: AnalyticsEvent };

export const linesOf = async (objects: Pick<Objects, 'get'>, keys: string[]): Promise<Line[]> =>
  (await Promise.all(keys.map((key) => objects.get(key)))).flatMap(linesIn);

/** The lines of an object. */
export const linesIn = (bytes: Uint8Array | undefined): Line[] =>
  textsIn(bytes).map((line) => JSON.parse(line) as Line);

const textsIn = (bytes: Uint8Array = gzipSync('')): string[] =>
  gunzipSync(bytes).toString('utf8').split('\n').filter(Boolean);

/** Puts a message's own object into the bucket, as the worker does, and one for the events that it rejects. */
export async function putOriginal(
  objects: Pick<Objects, 'put'>,
  events: unknown[],
  changes: Parameters<typeof analyticsBody>[1] = {},
): Promise<string> {
  const message = parseEnvelope(analyticsBody(events, changes));
  const { accepted, rejected } = encodeBatch(message, events, 0);
  const place = { time: Date.parse(message.time), id: message.id };
  const key = dataKey(PREFIX, place);
  await objects.put(key, accepted?.bytes ?? gzipSync(''), 'application/gzip');
  if (rejected) await objects.put(rejectedKey(PREFIX, place), rejected.bytes, 'application/gzip');
  return key;
}

/** A reader takes what arrived in this time from the messages' own objects. */
const VIEW_MS = 3 * 24 * HOUR_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * What the documented view shows at a time, in ms: every Parquet object, and what arrived in the last days, each id
 * of a user and session once in a UTC day and the day before it.
 */
export async function viewAt(objects: Pick<Objects, 'get' | 'list'>, now: number): Promise<EventRow[]> {
  const recent = (key: string) => (hourOf(key) ?? 0) > now - VIEW_MS;
  const lists = await Promise.all(
    [parquetPrefix, latePrefix, dataPrefix].map((folder) => objects.list(folder(PREFIX))),
  );
  const [written = [], late = [], own = []] = lists;
  const parts = written.filter((key) => !key.endsWith('/counts.json'));
  const all: EventRow[] = [];
  for (const key of parts) all.push(...(await fromParquet((await objects.get(key)) ?? new Uint8Array())));
  for (const key of [...late, ...own].filter(recent)) all.push(...textsIn(await objects.get(key)).map(rowOf));
  all.sort((a, b) => a.packed_at - b.packed_at || (a.job_id < b.job_id ? -1 : 1));
  const days = new Map<string, number>();
  return all.filter(({ event_id, user_id, session_id, packed_at }) => {
    const day = Math.floor(packed_at / DAY_MS);
    const key = JSON.stringify([event_id, user_id, session_id]);
    const last = days.get(key) ?? Number.NEGATIVE_INFINITY;
    days.set(key, day);
    return last < day - 1;
  });
}
