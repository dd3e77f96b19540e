import type { Message } from '@aws-sdk/client-sqs';
import { type BatchOptions, createBatchRunner, visibilityMs } from './batch-run';
import { SqsError } from './sqs/errors';

export interface EventSourceMappingOptions extends BatchOptions {
  batchSize: number;
  /** Time-out of the function. Lambda refuses a mapping whose queue has a shorter visibility timeout. */
  functionTimeoutMs: number;
  /** 2 to 1000. The default is 1000, Lambda's limit for an account. */
  maximumConcurrency?: number;
}

export interface EventSourceMapping {
  start(): void;
  /** Stops polling and resolves when the running invocations have ended. `start` may be called again. */
  stop(): Promise<void>;
}

/** Node's timers overflow above this. An early wake-up does no harm. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Lambda's poller of one queue. It receives as soon as SQS has a message, invokes the function, and deletes the messages
 * that succeeded. It listens to the queue and sleeps until the next visibility timeout ends, so an idle queue needs no
 * timer. Failed messages stay in the queue until SQS delivers them again.
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
      // The queue was deleted, or too many messages are in flight. A change of the queue wakes the poller again.
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
      batches.stopRetries();
      await Promise.all(running);
    },
  };
}

/** Throws where Lambda would refuse the mapping at deployment. */
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
      `event source mapping of ${queue}: the visibility timeout of the queue is shorter than the time-out of the function`,
    );
  return Attributes?.QueueArn ?? queue;
}
