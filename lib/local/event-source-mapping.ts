import type { Message } from '@aws-sdk/client-sqs';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import type { InvokeResult } from './lambda/environment';
import { SqsError } from './sqs/errors';
import type { SqsModel } from './sqs/model';
import { recordOf, reportedFailures } from './sqs-event';
import type { Timers } from './timers';

/** What the mapping did, for a trace. `returned` messages stay in the queue until their visibility timeout ends. */
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
  /** 2 to 1000. The default is 1000, Lambda's limit for an account. */
  maximumConcurrency?: number | undefined;
  invoke: (event: SQSEvent) => Promise<InvokeResult>;
  timers: Timers;
  onEvent?: (event: MappingEvent) => void;
  /** Returns true to lose a delete: the request of a finished message never reaches SQS. */
  lose?: (messageId: string) => boolean;
}

export interface EventSourceMapping {
  isOn(): boolean;
  start(): void;
  /** Stops polling and resolves when the running invocations have ended. `start` may be called again. */
  stop(): Promise<void>;
}

/** Lambda retries a throttled invocation after 1, 2, 4, … seconds, at most this. */
const LONGEST_BACKOFF_MS = 30_000;

/**
 * Lambda's poller of one queue, with ReportBatchItemFailures. It receives as soon as SQS has a message, invokes the
 * function, and deletes the messages that succeeded. It listens to the queue and sleeps until the next visibility timeout
 * ends, so an idle queue needs no timer. Failed messages stay in the queue until SQS delivers them again.
 */
export function createEventSourceMapping(options: EventSourceMappingOptions): EventSourceMapping {
  const { sqs, queue, timers, maximumConcurrency = 1000, onEvent = () => {} } = options;
  const { QueueArn: queueArn = queue } =
    sqs.getQueueAttributes({ QueueUrl: queue, AttributeNames: ['QueueArn'] }).Attributes ?? {};
  const running = new Set<Promise<void>>();
  /** Each function ends the back-off of one throttled invocation. */
  const waits = new Set<() => void>();
  let unsubscribe: (() => void) | undefined;
  let alarm: { at: number; handle: unknown } | undefined;

  function wakeAt(at: number): void {
    if (!unsubscribe || (alarm && alarm.at <= at)) return;
    if (alarm) timers.clearTimeout(alarm.handle);
    alarm = { at, handle: timers.setTimeout(poll, Math.max(0, at - timers.now())) };
  }

  function poll(): void {
    alarm = undefined;
    while (unsubscribe && running.size < maximumConcurrency) {
      const messages = receiveBatch();
      if (messages.length === 0) break;
      const run = runBatch(messages).finally(() => {
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
      // Too many messages are in flight. A change of the queue wakes the poller again.
      if (error instanceof SqsError) return [];
      throw error;
    }
  }

  async function runBatch(messages: Message[]): Promise<void> {
    const deadline = timers.now() + visibilityMs(options);
    const records = messages.map((message) => recordOf(message, { queueArn, region: sqs.region }));
    const messageIds = records.map(({ messageId }) => messageId);
    const result = await invoke(records, deadline);
    const failures = result.kind === 'answer' ? reportedFailures(result.value, messageIds) : messageIds;
    const returned = failures ?? messageIds;
    const outcome = result.kind === 'failed' ? result.reason : failures ? result.kind : 'malformed';
    const deleted = deleteRecords(records.filter(({ messageId }) => !returned.includes(messageId)));
    onEvent({ kind: 'ended', messageIds, result: outcome, deleted, returned });
  }

  /** Retries a throttled invocation until the visibility timeout would end. Then SQS delivers the messages again. */
  async function invoke(Records: SQSRecord[], deadline: number): Promise<InvokeResult> {
    const messageIds = Records.map(({ messageId }) => messageId);
    for (let backoff = 1000; ; backoff = Math.min(2 * backoff, LONGEST_BACKOFF_MS)) {
      onEvent({ kind: 'invoked', messageIds });
      const result = await options.invoke({ Records }).catch((): InvokeResult => ({ kind: 'failed', reason: 'error' }));
      if (result.kind !== 'throttled') return result;
      const retryAt = timers.now() + backoff;
      const again = unsubscribe !== undefined && retryAt < deadline;
      onEvent({ kind: 'throttled', messageIds, retryAt: again ? retryAt : undefined });
      if (!again) return result;
      await wait(backoff);
      if (!unsubscribe) return result;
    }
  }

  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const end = () => {
        timers.clearTimeout(handle);
        waits.delete(end);
        resolve();
      };
      const handle = timers.setTimeout(end, ms);
      waits.add(end);
    });

  /** Returns the ids that SQS deleted. A FIFO queue refuses a delete after the visibility timeout. */
  function deleteRecords(records: SQSRecord[]): string[] {
    return records.flatMap(({ messageId, receiptHandle }) => {
      if (options.lose?.(messageId)) {
        onEvent({ kind: 'delete-lost', messageId });
        return [];
      }
      try {
        sqs.deleteMessage({ QueueUrl: queueArn, ReceiptHandle: receiptHandle });
        return [messageId];
      } catch (error) {
        if (!(error instanceof SqsError)) throw error;
        onEvent({ kind: 'delete-refused', messageId, code: error.code });
        return [];
      }
    });
  }

  return {
    isOn: () => unsubscribe !== undefined,
    start() {
      if (unsubscribe) return;
      unsubscribe = sqs.onChange(queue, () => wakeAt(timers.now()));
      wakeAt(timers.now());
    },
    async stop() {
      unsubscribe?.();
      unsubscribe = undefined;
      if (alarm) timers.clearTimeout(alarm.handle);
      alarm = undefined;
      for (const end of [...waits]) end();
      await Promise.all(running);
    },
  };
}

/** Lambda receives with the visibility timeout of the queue. */
const visibilityMs = ({ sqs, queue }: Pick<EventSourceMappingOptions, 'sqs' | 'queue'>): number =>
  Number(
    sqs.getQueueAttributes({ QueueUrl: queue, AttributeNames: ['VisibilityTimeout'] }).Attributes?.VisibilityTimeout,
  ) * 1000;
