import type { Message } from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import { createBatchRunner, visibilityMs } from './batch-run';
import { SqsError } from './sqs/errors';
import type { SqsModel } from './sqs/types';

/** How an invocation ended. `value` is the function's answer as Lambda gets it: JSON, parsed. */
export type InvokeResult =
  | { kind: 'answer'; value: unknown }
  | { kind: 'failed'; reason: 'error' | 'timeout' | 'crash' }
  | { kind: 'throttled' };

/** Time and waiting, real or virtual. */
export interface Timers {
  now(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** What the mapping did, for a trace. `returned`: left to the queue, delivered again when their visibility ends. */
export type MappingEvent =
  | { kind: 'invoked'; messageIds: string[] }
  | { kind: 'throttled'; messageIds: string[]; retryAt: number | undefined }
  | {
      kind: 'ended';
      messageIds: string[];
      result: 'answer' | 'malformed' | 'error' | 'timeout' | 'crash' | 'throttled';
      deleted: string[];
      returned: string[];
    }
  | { kind: 'delete-lost'; messageId: string }
  | { kind: 'delete-refused'; messageId: string; code: string };

export interface EventSourceMappingOptions {
  sqs: SqsModel;
  /** Name of the queue. */
  queue: string;
  batchSize: number;
  /** What the function may take at most; refused, as a deployment would be, if it is longer than the visibility. */
  functionTimeoutMs: number;
  /** 2 to 1000; without it Lambda's account-wide 1000. */
  maximumConcurrency?: number;
  /** FunctionResponseTypes: ReportBatchItemFailures. */
  partialResponses: boolean;
  invoke: (event: SQSEvent) => Promise<InvokeResult>;
  timers: Timers;
  onEvent?: (event: MappingEvent) => void;
  /** True: this delete of a finished message never reaches SQS. */
  lose?: () => boolean;
}

export interface EventSourceMapping {
  start(): void;
  /** Polls no more; resolves when the running invocations have ended. Can be started again. */
  stop(): Promise<void>;
}

/** Longer timers overflow; waking early does no harm. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Lambda's poller of one queue: receives as soon as something can be received, invokes, and deletes what the function
 * has done. It never polls by the clock: it listens to the queue and sleeps until the next visibility ends. What the
 * function fails is left alone: SQS delivers it again when its visibility ends.
 */
export function createEventSourceMapping(options: EventSourceMappingOptions): EventSourceMapping {
  const { sqs, queue, timers, maximumConcurrency = 1000 } = options;
  const queueArn = checkedQueueArn(options);
  let batches = createBatchRunner(options, queueArn);
  const running = new Set<Promise<void>>();
  let unsubscribe: (() => void) | undefined;
  let alarm: { at: number; handle: unknown } | undefined;

  function wakeAt(at: number): void {
    if (!unsubscribe || (alarm && alarm.at <= at)) return;
    if (alarm) timers.clearTimeout(alarm.handle);
    const delay = Math.min(Math.max(0, at - timers.now()), LONGEST_TIMER_MS);
    alarm = { at, handle: timers.setTimeout(poll, delay) };
  }

  function poll(): void {
    alarm = undefined;
    while (unsubscribe && running.size < maximumConcurrency) {
      const messages = receiveBatch();
      if (messages.length === 0) break;
      const run = batches.run(messages).finally(() => {
        running.delete(run);
        wakeAt(timers.now());
      });
      running.add(run);
    }
    const next = sqs.nextChangeAt(queue);
    if (next !== undefined) wakeAt(next);
  }

  function receiveBatch(): Message[] {
    const batch: Message[] = [];
    while (batch.length < options.batchSize) {
      const more = receive(Math.min(10, options.batchSize - batch.length));
      if (more.length === 0) break;
      batch.push(...more);
    }
    return batch;
  }

  function receive(max: number): Message[] {
    try {
      const names = { AttributeNames: ['All' as const], MessageAttributeNames: ['All'] };
      return sqs.receiveMessage({ QueueUrl: queueArn, MaxNumberOfMessages: max, ...names }).Messages ?? [];
    } catch (error) {
      // The queue is gone or full of messages in flight: either ends with a change that wakes the poller.
      if (error instanceof SqsError) return [];
      throw error;
    }
  }

  return {
    start() {
      if (unsubscribe) return;
      batches = createBatchRunner(options, queueArn);
      unsubscribe = sqs.onChange(queue, () => wakeAt(timers.now()));
      wakeAt(timers.now());
    },
    async stop() {
      unsubscribe?.();
      unsubscribe = undefined;
      if (alarm) timers.clearTimeout(alarm.handle);
      alarm = undefined;
      batches.giveUpWaiting();
      await Promise.all(running);
    },
  };
}

/** Refuses what Lambda would refuse at deployment. */
function checkedQueueArn(options: EventSourceMappingOptions): string {
  const { sqs, queue, batchSize, functionTimeoutMs, maximumConcurrency = 1000 } = options;
  const { Attributes } = sqs.getQueueAttributes({ QueueUrl: queue, AttributeNames: ['QueueArn', 'FifoQueue'] });
  const largest = Attributes?.FifoQueue === 'true' ? 10 : 10_000;
  if (batchSize < 1 || batchSize > largest)
    throw new RangeError(`event source mapping of ${queue}: batch size must be 1 to ${largest}, is ${batchSize}`);
  if (maximumConcurrency < 2 || maximumConcurrency > 1000)
    throw new RangeError(`event source mapping of ${queue}: maximum concurrency must be 2 to 1000`);
  if (functionTimeoutMs > visibilityMs(options))
    throw new RangeError(
      `event source mapping of ${queue}: the queue's visibility is less than the function's time-out`,
    );
  return Attributes?.QueueArn ?? queue;
}
