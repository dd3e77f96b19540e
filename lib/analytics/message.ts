import { z } from 'zod';
import { sha256 } from '../jobs/envelope';
import type { AnalyticsEvent } from './event';

export const ANALYTICS_QUEUE = 'analytics';
export const ANALYTICS_EVENTS = 'analytics.events.v1';

/** Of one message; a producer packs fewer. */
export const MOST_EVENTS = 10_000;

/** The data of `analytics.events.v1`. Its events are looked at one by one (event.ts): a bad one takes no other along. */
export const analyticsSchema = z.strictObject({ events: z.array(z.unknown()).min(1).max(MOST_EVENTS) });
export type AnalyticsBatch = z.infer<typeof analyticsSchema>;

/**
 * The message group of an event: a shard, the same for all events of a session (or user, or device), so that they come
 * in order as far as a shard's messages do. More shards, more workers at once.
 */
export function shardOf({ session, user, device, id }: AnalyticsEvent, shards: number): string {
  const hash = sha256(session ?? user ?? device ?? id);
  return `shard-${Number.parseInt(hash.slice(0, 8), 16) % shards}`;
}
