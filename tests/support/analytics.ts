import type { AnalyticsEvent } from '../../lib/analytics/event';
import { ANALYTICS_EVENTS } from '../../lib/analytics/message';
import { jobId } from './engine';

/** When the jobs of these tests were accepted, unless they say otherwise. */
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
