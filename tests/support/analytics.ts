import { encodeBatch } from '../../lib/analytics/encode';
import type { AnalyticsEvent } from '../../lib/analytics/event';
import { dataKey } from '../../lib/analytics/keys';
import { textOf } from '../../lib/analytics/lines';
import { ANALYTICS_EVENTS } from '../../lib/analytics/message';
import { parseEnvelope } from '../../lib/jobs/envelope';
import type { Objects } from '../../lib/ports';
import { jobId, PREFIX } from './engine';

/** When the producer accepts the jobs of these tests, by default. */
export const ACCEPTED_AT = '2026-01-02T03:04:05.000Z';

/** The n-th event of a test. */
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

/** The body of a message, as a producer makes it. */
export const analyticsBody = (
  events: unknown[],
  { n = 1, ...changes }: { n?: number; [attribute: string]: unknown } = {},
): string =>
  JSON.stringify({
    specversion: '1.0',
    id: jobId(n),
    type: ANALYTICS_EVENTS,
    source: '/my/api/producer-1',
    time: ACCEPTED_AT,
    datacontenttype: 'application/json',
    sequence: String(n),
    partitionkey: 'shard-3',
    data: { events },
    ...changes,
  });

/** One line of an object. */
export type Line = AnalyticsEvent & { job: string; sequence: number | null; field?: string; event?: AnalyticsEvent };

/** The lines of several objects, one object after another. */
export async function linesOf(objects: Pick<Objects, 'get'>, keys: string[]): Promise<Line[]> {
  const texts = await Promise.all(keys.map(async (key) => textOf(key, (await objects.get(key)) ?? new Uint8Array())));
  return texts.flatMap((text) =>
    text
      .toString('utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line),
  );
}

/** Puts a message's own object into the bucket, as the worker does. */
export async function putOriginal(
  objects: Pick<Objects, 'put'>,
  events: unknown[],
  changes: Parameters<typeof analyticsBody>[1] = {},
): Promise<string> {
  const envelope = parseEnvelope(analyticsBody(events, changes));
  const { accepted } = encodeBatch(envelope, events);
  const key = dataKey(PREFIX, { time: Date.parse(envelope.time), id: envelope.id });
  await objects.put(key, accepted?.bytes ?? '', 'application/gzip');
  return key;
}
