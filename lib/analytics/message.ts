import * as z from 'zod';
import { sha256 } from '../jobs/envelope';
import { type AnalyticsEvent, EVENT_SHAPE } from './event';

export const ANALYTICS_EVENTS = 'analytics.events.v1';

/** The most events in one message. A producer packs fewer. */
export const MOST_EVENTS = 10_000;

/** The data of `analytics.events.v1`. event.ts checks each event, so an invalid event rejects only itself. */
export const analyticsSchema = z.strictObject({
  events: z.array(z.unknown().meta(EVENT_SHAPE)).min(1).max(MOST_EVENTS),
});
export type AnalyticsBatch = z.infer<typeof analyticsSchema>;

/** The message group of an event. A shard keeps the events of a session, user or device in order. */
export function shardOf({ session, user, device, id }: AnalyticsEvent, shards: number): string {
  const hash = sha256(session ?? user ?? device ?? id);
  return `shard-${Number.parseInt(hash.slice(0, 8), 16) % shards}`;
}
