import * as z from 'zod';
import type { AnalyticsEvent } from '../../lib/analytics/event';
import { ANALYTICS_EVENTS, MOST_EVENTS, shardOf } from '../../lib/analytics/message';
import { MAX_INLINE_DATA_BYTES } from '../../lib/jobs/envelope';
import { ANALYTICS_QUEUE } from '../../lib/jobs/keys';
import type { Clock, Random } from '../../lib/ports';
import { jobId } from '../../lib/submit/job-id';

const wholeNumber = z.custom<number>(
  (value) => Number.isSafeInteger(value) && Number(value) > 0,
  'must be a whole number from 1',
);

/**
 * SQS bills steps of 64 KB, and S3 and Lambda bill calls, so large messages are the cheapest. Few events arrive within
 * two seconds, so most messages are sealed by age, and more shards make smaller messages.
 */
export const packingLimits = z.strictObject({
  /** The number of message groups, and so of messages that workers can process at once. */
  shards: wholeNumber.default(8),
  /** The limits of one message. */
  maxEvents: wholeNumber.default(5_000),
  maxBytes: wholeNumber.default(MAX_INLINE_DATA_BYTES),
  /** How long an event waits for others of its shard, milliseconds. */
  maxAgeMs: wholeNumber.default(2_000),
});

export type PackingLimits = z.output<typeof packingLimits>;

interface Open {
  lines: string[];
  bytes: number;
}

export interface Packed {
  id: string;
  group: string;
  body: string;
}

/**
 * Packs events into messages by shard and calls `sealed` for each finished one. Each packer is a source of its own and
 * numbers its messages from 1 in the order of their `time`. So a missing message can be named later.
 */
export function createPacker({
  source,
  limits,
  clock,
  random,
  sealed,
}: {
  source: string;
  limits: PackingLimits;
  clock: Clock;
  random: Random;
  sealed: (packed: Packed) => void;
}) {
  const shards = new Map<string, Open>();
  const maxEvents = Math.min(limits.maxEvents, MOST_EVENTS);
  const maxBytes = Math.min(limits.maxBytes, MAX_INLINE_DATA_BYTES);
  // The time in this id says when the numbering began (lib/analytics/gaps.ts).
  const own = `${source}/${jobId({ queue: ANALYTICS_QUEUE, clock, random })}`;
  let sequence = 0;
  let bytes = 0;

  function seal(group: string, open: Open): void {
    shards.delete(group);
    bytes -= open.bytes;
    const id = jobId({ queue: ANALYTICS_QUEUE, clock, random });
    const head = {
      specversion: '1.0',
      id,
      type: ANALYTICS_EVENTS,
      source: own,
      time: new Date(clock.now()).toISOString(),
      datacontenttype: 'application/json',
      sequence: String(++sequence),
      partitionkey: group,
    };
    const body = `${JSON.stringify(head).slice(0, -1)},"data":{"events":[${open.lines.join(',')}]}}`;
    sealed({ id, group, body });
  }

  async function sealWhenOld(group: string, open: Open): Promise<void> {
    await clock.sleep(limits.maxAgeMs);
    if (shards.get(group) === open) seal(group, open);
  }

  return {
    /** Takes an event and its JSON text. */
    add(event: AnalyticsEvent, json: string): void {
      const group = shardOf(event, limits.shards);
      const size = Buffer.byteLength(json) + 1;
      let open = shards.get(group);
      if (open && open.bytes + size > maxBytes) {
        seal(group, open);
        open = undefined;
      }
      if (!open) {
        open = { lines: [], bytes: 0 };
        shards.set(group, open);
        void sealWhenOld(group, open);
      }
      open.lines.push(json);
      open.bytes += size;
      bytes += size;
      if (open.lines.length >= maxEvents) seal(group, open);
    },
    /** The bytes of all events that are not sealed yet. */
    open: () => bytes,
    sealAll(): void {
      for (const [group, open] of [...shards]) seal(group, open);
    },
  };
}
