import { type AnalyticsEvent, problemOf } from '../../lib/analytics/event';
import { unlessAborted } from '../../lib/concurrency';
import { sendable } from '../../lib/jobs/envelope';
import { ANALYTICS_QUEUE } from '../../lib/jobs/keys';
import type { BatchQueues, OutgoingMessage } from '../../lib/ports';
import { InvalidJobError } from '../../lib/submit/errors';
import type { SubmitDeps } from '../../lib/submit/submit';
import { createBatchSender } from './batch-sender';
import { createPacker, type PackingLimits, packingLimits } from './packer';

/** The limit for one event as JSON. Within the limits of its fields only text full of escapes is larger. */
const MAX_EVENT_BYTES = 256 * 1024;
/** With more than this unsent in memory, `track` makes its caller wait. */
const MAX_BACKLOG_BYTES = 32 * 1024 * 1024;

/** The tracker closed with events that SQS did not take. The error carries them, so nothing is dropped silently. */
export class UnsentEventsError extends Error {
  override readonly name = 'UnsentEventsError';
  readonly messages: readonly OutgoingMessage[];

  constructor(messages: readonly OutgoingMessage[]) {
    super(`${messages.length} messages with analytics events were not sent`);
    this.messages = messages;
  }
}

export interface Tracker {
  /**
   * Takes an event. Resolves at once, or when there is room again if too much is unsent. Callers await it for
   * back-pressure. Rejects with an InvalidJobError if the event is not valid, or with a StoreError if SQS has taken
   * nothing for ten seconds and there is no room. Then the event was not taken.
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

/** Packs events into messages and sends them. Keeps events in memory only as long as the limits allow. */
export function createTracker(
  deps: TrackerDeps,
  { maxBacklogBytes = MAX_BACKLOG_BYTES, ...packing }: Partial<PackingLimits> & { maxBacklogBytes?: number } = {},
): Tracker {
  const { clock } = deps;
  const waiting: (() => void)[] = [];
  const underWay = new Set<Promise<unknown>>();
  let refusal = new AbortController();
  let closed = false;

  const sender = createBatchSender({
    ...deps,
    queueUrl: () => deps.queueUrl(ANALYTICS_QUEUE),
    keep: { onSent: letIn, onStuck: refuse },
  });
  const packer = createPacker({
    ...deps,
    limits: packingLimits.parse(packing),
    sealed: ({ id, group, body }) => {
      const fifo = deps.settings(ANALYTICS_QUEUE).type === 'fifo';
      const identity = fifo ? { groupId: group, deduplicationId: id } : {};
      const sent = sender.send(group, { body, ...identity });
      underWay.add(sent);
      void sent.then(() => underWay.delete(sent));
    },
  });
  const isFull = () => sender.backlog() + packer.open() >= maxBacklogBytes;

  function letIn(): void {
    while (waiting.length > 0 && !isFull()) waiting.shift()?.();
  }

  /** Ends all waiting calls. Their events are not taken. */
  function refuse(error: Error): void {
    waiting.length = 0;
    refusal.abort(error);
    refusal = new AbortController();
  }

  /** Lets all waiting callers in, because their events are in memory already. */
  function sealAll(): void {
    for (const enter of waiting.splice(0)) enter();
    packer.sealAll();
  }

  return {
    async track(event) {
      if (closed) throw new Error('the tracker is closed');
      deps.settings(ANALYTICS_QUEUE);
      const problem = problemOf(event, clock.now());
      if (problem) throw invalid(problem.field, problem.rule);
      const json = sendable(JSON.stringify(event));
      if (Buffer.byteLength(json) > MAX_EVENT_BYTES)
        throw invalid('', `must be at most ${MAX_EVENT_BYTES} bytes as JSON`);
      // An event waits behind earlier ones, so that the events of a session keep their order.
      if (waiting.length === 0 && !isFull()) {
        packer.add(event, json);
        return;
      }
      const entered = new Promise<void>((resolve) => {
        waiting.push(() => {
          packer.add(event, json);
          resolve();
        });
      });
      await unlessAborted(entered, refusal.signal);
    },
    async flush() {
      sealAll();
      await unlessAborted(Promise.all(underWay), refusal.signal);
    },
    async close({ timeoutMs }) {
      closed = true;
      sealAll();
      const unsent = await sender.finish(clock.now() + timeoutMs);
      if (unsent.length === 0) return;
      const error = new UnsentEventsError(unsent);
      refuse(error);
      throw error;
    },
  };
}

const invalid = (field: string, rule: string): InvalidJobError =>
  new InvalidJobError([{ field, message: `${field || 'event'}: ${rule}` }]);
