import * as z from 'zod';
import { describeIssues, MAX_INLINE_DATA_BYTES, sendable } from '../../lib/engine/jobs/envelope';
import { InvalidJobError } from '../../lib/engine/submit/errors';
import { newId } from '../../lib/engine/submit/options';
import type { SubmitDeps } from '../../lib/engine/submit/submit';
import { codeOf, StoreError } from '../../lib/platform/errors';
import type { BatchQueues, Clock, Log, OutgoingMessage } from '../../lib/platform/ports';
import { tracedMessage } from '../../lib/platform/trace';
import {
  ANALYTICS_EVENTS,
  type AnalyticsEvent,
  EVENT_SHAPE,
  eventForm,
  MOST_EVENTS,
  problemOf,
  shardOf,
} from '../../lib/queues/analytics/message';
import { ANALYTICS_QUEUE } from '../../lib/queues/analytics/queue';
import { createBatchSender } from './sender';

/** The limit for one event as JSON. Within the limits of its fields only text full of escapes is larger. */
const MAX_EVENT_BYTES = 256 * 1024;
/** With more than this unsent in memory, `track` makes its caller wait. */
const MAX_BACKLOG_BYTES = 32 * 1024 * 1024;

/** A caller that awaits each call waits with one. Without a bound, callers that do not would fill the memory. */
const MOST_WAITING = 10_000;
const TOO_MANY = {
  code: 'Producer.TooManyWaiting',
  message: `${MOST_WAITING} calls of track wait for room already: await each call`,
};

/** The answer to every call after `close`: another process takes the repeat. */
export const CLOSED = { code: 'Producer.Closed', message: 'the producer is closed' };

/** The tracker closed with events that SQS did not take. The error carries them, so nothing is dropped silently. */
export class UnsentEventsError extends Error {
  override readonly name = 'UnsentEventsError';

  constructor(readonly messages: readonly OutgoingMessage[]) {
    super(`${messages.length} messages with analytics events were not sent`);
  }
}

export interface Tracker {
  /**
   * Takes an event. Resolves at once, or when there is room again if too much is unsent. Callers await it for
   * back-pressure. Without `await`, a refusal ends no process: `onRejected` gets it. Rejects with an InvalidJobError if the event is not valid. Rejects with a StoreError if SQS has
   * taken nothing for ten seconds and there is no room, or if 10,000 calls wait for room. Then the event was not taken.
   */
  track(event: AnalyticsEvent): Promise<void>;
  /**
   * Sends all events tracked so far. Resolves when SQS has all of them. Rejects with a StoreError if SQS has taken
   * nothing for ten seconds. The tracker keeps the events and goes on sending them.
   */
  flush(): Promise<void>;
  /** Takes no more events and sends the rest. Rejects with an UnsentEventsError if that takes too long. */
  close(options: { timeoutMs: number }): Promise<void>;
}

export type TrackerDeps = Pick<SubmitDeps, 'clock' | 'random' | 'log' | 'source' | 'queueUrl' | 'settings'> & {
  queues: BatchQueues;
};

type TrackerOptions = Partial<PackingLimits> & { maxBacklogBytes?: number };

/** Packs events into messages and sends them. Keeps events in memory only as long as the limits allow. */
export function createTracker(deps: TrackerDeps, options: TrackerOptions = {}): Tracker {
  const buffer = createBuffer(deps, options);
  let closed = false;

  async function take(given: AnalyticsEvent): Promise<void> {
    if (closed) throw new StoreError(CLOSED);
    deps.settings(ANALYTICS_QUEUE);
    const event = checked(given, deps.clock.now());
    if ('received' in event) throw invalid('received', 'must be left out, because the producer sets it');
    const received = new Date(deps.clock.now()).toISOString();
    const json = sendable(`${JSON.stringify(event).slice(0, -1)},"received":"${received}"}`);
    if (Buffer.byteLength(json) > MAX_EVENT_BYTES)
      throw invalid('', `must be at most ${MAX_EVENT_BYTES} bytes as JSON`);
    return buffer.add(event, json);
  }

  return {
    track: (event) =>
      take(event).catch((error: unknown) => {
        buffer.refused();
        throw error;
      }),
    flush: buffer.flush,
    async close({ timeoutMs }) {
      closed = true;
      const unsent = await buffer.finish(deps.clock.now() + timeoutMs);
      if (unsent.length === 0) return;
      const error = new UnsentEventsError(unsent);
      buffer.refuse(error);
      throw error;
    },
  };
}

/** The event, or its form if it breaks a rule. Throws an InvalidJobError if that breaks one too. */
function checked(given: AnalyticsEvent, now: number): AnalyticsEvent {
  if (!problemOf(given, now)) return given;
  const event = eventForm(given);
  const problem = problemOf(event, now);
  if (!problem) return event;
  // Each character of a text counts as a field of it.
  const fields = problem.rule === 'must be an object' ? [] : Object.keys(event);
  const keys = fields.filter((field) => !Object.hasOwn(EVENT_SHAPE.properties, field));
  if (keys.length === 0) throw invalid(problem.field, problem.rule);
  throw new InvalidJobError(describeIssues([{ code: 'unrecognized_keys', keys, path: [], message: '' }]));
}

/** The events that SQS does not have, in memory. With too many of them, callers wait for room. */
function createBuffer(deps: TrackerDeps, { maxBacklogBytes = MAX_BACKLOG_BYTES, ...packing }: TrackerOptions) {
  const waiting: { enter: () => void; reject: (error: Error) => void }[] = [];
  const underWay = new Set<Promise<unknown>>();
  const flushing = new Set<(error: Error) => void>();

  const queueUrl = () => deps.queueUrl(ANALYTICS_QUEUE);
  const sender = createBatchSender({ ...deps, queueUrl, onSent: letIn, onStuck: refuse });
  const packer = createPacker(deps, packingLimits.parse(packing), ({ id, group, body, wave }) => {
    const fifo = deps.settings(ANALYTICS_QUEUE).type === 'fifo';
    const sent = sender.send(group, { body, ...(fifo ? { groupId: group, deduplicationId: id } : {}) }, wave);
    underWay.add(sent);
    void sent.then(() => underWay.delete(sent));
  });
  const isFull = () => sender.backlog() + packer.open() >= maxBacklogBytes;

  function letIn(): void {
    while (waiting.length > 0 && !isFull()) waiting.shift()?.enter();
  }

  function refuse(error: Error): void {
    for (const { reject } of waiting.splice(0)) reject(error);
    for (const reject of flushing) reject(error);
  }

  /** Lets all waiting callers in, because their events are in memory already. */
  function sealAll(): void {
    for (const { enter } of waiting.splice(0)) enter();
    packer.sealAll();
  }

  return {
    refuse,
    refused: packer.refused,
    async add(event: AnalyticsEvent, json: string): Promise<void> {
      // An event waits behind earlier ones, so that the events of a session keep their order.
      if (waiting.length === 0 && !isFull()) return packer.add(event, json);
      if (waiting.length >= MOST_WAITING) throw new StoreError(TOO_MANY);
      await new Promise<void>((resolve, reject) => {
        waiting.push({ enter: () => resolve(packer.add(event, json)), reject });
      });
    },
    async flush(): Promise<void> {
      sealAll();
      await new Promise<void>((resolve, reject) => {
        flushing.add(reject);
        void Promise.all(underWay).then(() => {
          flushing.delete(reject);
          resolve();
        });
      });
    },
    finish(end: number) {
      sealAll();
      return sender.finish(end);
    },
  };
}

/** Gets each event that `track` did not take, and why. What it throws is ignored. */
export type OnRejected = (error: Error, event: AnalyticsEvent) => unknown;

export interface RejectionOptions {
  log?: Log | undefined;
  clock: Clock;
  onRejected?: OnRejected | undefined;
}

const LINE_EVERY_MS = 60_000;
const MOST_RULES = 20;

/** By default one line a minute says how many events were not taken, by the rule or the code. `end` writes the last. */
export function rejections({ log, clock, onRejected }: RejectionOptions) {
  let counts = new Map<string, number>();
  let writtenAt = Number.NEGATIVE_INFINITY;
  const write = () => {
    if (counts.size > 0) log?.warn('events were not taken', Object.fromEntries(counts));
    counts = new Map();
    writtenAt = clock.now();
  };
  const count: OnRejected = (error) => {
    const [first] = error instanceof InvalidJobError ? error.problems : [];
    const rule = first?.message ?? codeOf(error);
    const key = counts.has(rule) || counts.size < MOST_RULES ? rule : 'other rules';
    counts.set(key, (counts.get(key) ?? 0) + 1);
    if (clock.now() - writtenAt >= LINE_EVERY_MS) write();
  };
  return {
    note: (error: Error, event: AnalyticsEvent): void =>
      void (async () => (onRejected ?? count)(error, event))().catch(() => {}),
    end: write,
  };
}

const invalid = (field: string, rule: string): InvalidJobError =>
  new InvalidJobError([{ field, message: `${field || 'event'}: ${rule}` }]);

const wholeNumber = z.int('must be a whole number from 1').positive();
const LONGEST_AGE_MS = 5 * 60_000;

/**
 * SQS bills steps of 64 KB, and S3 and Lambda bill calls, so large messages are the cheapest. FIFO queues have no
 * batching window, so what is not packed here stays apart. At an event a second only age and a single shard pack well.
 */
export const packingLimits = z.strictObject({
  shards: wholeNumber
    .default(8)
    .describe('The most message groups, and so messages that workers can process at once. Few events use one.'),
  maxEvents: wholeNumber.default(5_000).describe('Events in a message, at most 10000.'),
  maxBytes: wholeNumber.default(MAX_INLINE_DATA_BYTES).describe('Bytes of a message, at most 921600.'),
  maxAgeMs: wholeNumber
    .max(LONGEST_AGE_MS, `must be at most ${LONGEST_AGE_MS}`)
    .default(15_000)
    .describe('Milliseconds that an event waits for others, at most 300000. A killed process loses these events.'),
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
  /** Rises whenever sessions get other groups. SQS must have all messages of a wave before those of the next. */
  wave: number;
}

/** With less than this share of a message after its age, half as many shards are enough. */
const SPARSE = 0.25;

type PackerDeps = Pick<TrackerDeps, 'source' | 'clock' | 'random'>;

/**
 * Packs events into messages by shard and calls `sealed` for each finished one. It begins with one shard. A message that
 * is full before its age doubles them, and one that is sparse at its age halves them.
 */
export function createPacker(deps: PackerDeps, limits: PackingLimits, sealed: (packed: Packed) => void) {
  const shards = createShards(deps, (message) => sealed({ ...message, wave }));
  const maxEvents = Math.min(limits.maxEvents, MOST_EVENTS);
  const maxBytes = Math.min(limits.maxBytes, MAX_INLINE_DATA_BYTES);
  let count = 1;
  let wave = 0;

  function sealFull(group: string, open: Open): void {
    shards.seal(group, open);
    resize(Math.min(2 * count, limits.shards));
  }

  async function sealWhenOld(group: string, open: Open): Promise<void> {
    await deps.clock.sleep(limits.maxAgeMs);
    if (shards.get(group) !== open) return;
    shards.seal(group, open);
    if (open.bytes < SPARSE * maxBytes && open.lines.length < SPARSE * maxEvents) resize(Math.ceil(count / 2));
  }

  /** Sessions get other groups. Their earlier events must be sent first, so that they keep their order. */
  function resize(to: number): void {
    if (to === count) return;
    shards.sealAll();
    count = to;
    wave++;
  }

  return {
    add(event: AnalyticsEvent, json: string): void {
      const size = Buffer.byteLength(json) + 1;
      let group = shardOf(event, count);
      const before = shards.get(group);
      if (before && before.bytes + size > maxBytes) {
        sealFull(group, before);
        group = shardOf(event, count);
      }
      const open = shards.add(group, json, size);
      if (open.lines.length === 1) void sealWhenOld(group, open);
      if (open.lines.length >= maxEvents) sealFull(group, open);
    },
    refused: shards.refused,
    open: shards.bytes,
    sealAll: shards.sealAll,
  };
}

/**
 * The events of each shard that are not sealed yet. Each packer is a source of its own and numbers its messages from 1 in
 * the order of their `time`. So a missing message can be named later.
 */
function createShards({ source, clock, random }: PackerDeps, sealed: (message: Omit<Packed, 'wave'>) => void) {
  const shards = new Map<string, Open>();
  // The time in this id says when the numbering began (packages/verify/check.ts).
  const own = `${source}/${newId({ clock, random })}`;
  let sequence = 0;
  let refused = 0;
  let bytes = 0;

  function seal(group: string, open: Open): void {
    shards.delete(group);
    bytes -= open.bytes;
    const id = newId({ clock, random });
    const head = {
      specversion: '1.0',
      id,
      type: ANALYTICS_EVENTS,
      source: own,
      time: new Date(clock.now()).toISOString(),
      datacontenttype: 'application/json',
      sequence: String(++sequence),
      partitionkey: group,
      ...(refused > 0 && { refused: String(refused) }),
      traceparent: tracedMessage({ queue: ANALYTICS_QUEUE, type: ANALYTICS_EVENTS, id }),
    };
    refused = 0;
    const body = `${JSON.stringify(head).slice(0, -1)},"data":{"events":[${open.lines.join(',')}]}}`;
    sealed({ id, group, body });
  }

  return {
    get: (group: string) => shards.get(group),
    add(group: string, json: string, size: number): Open {
      const open = shards.get(group) ?? { lines: [], bytes: 0 };
      shards.set(group, open);
      open.lines.push(json);
      open.bytes += size;
      bytes += size;
      return open;
    },
    seal,
    sealAll(): void {
      for (const [group, open] of [...shards]) seal(group, open);
    },
    /** Counts an event that was not taken. The next message tells the service. */
    refused: () => void refused++,
    /** The bytes of all events that are not sealed yet. */
    bytes: () => bytes,
  };
}
