import type { Message } from '@aws-sdk/client-sqs';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod';
import type { InvokeResult } from './lambda/runtime';
import { queueArn, REGION } from './loopback';
import type { SqsModel } from './sqs/model';
import { SqsError } from './sqs/queue';

/** Time and waiting. Tests and the simulator bring a clock of their own. */
export interface Timers {
  now(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

export const realTimers: Timers = {
  now: Date.now,
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

export interface MappingEvent {
  kind: 'invoked' | 'ended' | 'deleted' | 'delete-lost' | 'delete-refused';
  messageIds: string[];
  result?: 'answer' | 'malformed' | 'error' | 'timeout' | 'crash' | 'throttled';
}

export interface EventSourceMappingOptions {
  sqs: SqsModel;
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

/**
 * Lambda's poller of one queue, with ReportBatchItemFailures. It receives as soon as SQS has a message, invokes the
 * function, and deletes the messages that succeeded. It listens to the queue and sleeps until the next visibility
 * timeout ends, so an idle queue needs no timer. Failed messages stay in the queue until SQS delivers them again. No
 * worker has a reserved concurrency, so it does not model how Lambda repeats a throttled invocation.
 */
export function createEventSourceMapping(options: EventSourceMappingOptions) {
  const { sqs, queue, timers, maximumConcurrency = 1000 } = options;
  const running = new Set<Promise<void>>();
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
      const messages = receiveBatch(options);
      if (messages.length === 0) break;
      const run = runBatch(options, messages).finally(() => {
        running.delete(run);
        wakeAt(timers.now());
      });
      running.add(run);
    }
    const next = sqs.nextChangeAt(queue);
    if (next !== undefined) wakeAt(next);
  }

  return {
    isOn: () => unsubscribe !== undefined,
    start(): void {
      if (unsubscribe) return;
      unsubscribe = sqs.onChange(queue, () => wakeAt(timers.now()));
      wakeAt(timers.now());
    },
    /** Stops polling and resolves when the running invocations have ended. `start` may be called again. */
    async stop(): Promise<void> {
      unsubscribe?.();
      unsubscribe = undefined;
      if (alarm) timers.clearTimeout(alarm.handle);
      alarm = undefined;
      await Promise.all(running);
    },
  };
}

function receiveBatch({ sqs, queue, batchSize }: EventSourceMappingOptions): Message[] {
  const batch: Message[] = [];
  const names = { AttributeNames: ['All' as const], MessageAttributeNames: ['All'] };
  while (batch.length < batchSize) {
    const max = Math.min(10, batchSize - batch.length);
    const { Messages = [] } = sqs.receiveMessage({ QueueUrl: queue, MaxNumberOfMessages: max, ...names });
    if (Messages.length === 0) break;
    batch.push(...Messages);
  }
  return batch;
}

async function runBatch(options: EventSourceMappingOptions, messages: Message[]): Promise<void> {
  const { onEvent = () => {} } = options;
  const records = messages.map((message) => recordOf(message, options.queue));
  const messageIds = records.map(({ messageId }) => messageId);
  onEvent({ kind: 'invoked', messageIds });
  const failed: InvokeResult = { kind: 'failed', reason: 'error' };
  const result = await options.invoke({ Records: records }).catch(() => failed);
  const failures = result.kind === 'answer' ? reportedFailures(result.value, messageIds) : messageIds;
  const outcome = result.kind === 'failed' ? result.reason : failures ? result.kind : 'malformed';
  onEvent({ kind: 'ended', messageIds, result: outcome });
  for (const record of records.filter(({ messageId }) => !(failures ?? messageIds).includes(messageId)))
    onEvent({ kind: deleteOne(options, record), messageIds: [record.messageId] });
}

function deleteOne(options: EventSourceMappingOptions, record: SQSRecord): MappingEvent['kind'] {
  if (options.lose?.(record.messageId)) return 'delete-lost';
  try {
    options.sqs.deleteMessage({ QueueUrl: options.queue, ReceiptHandle: record.receiptHandle });
    return 'deleted';
  } catch (error) {
    // A FIFO queue refuses a delete after the visibility timeout.
    if (error instanceof SqsError) return 'delete-refused';
    throw error;
  }
}

export function recordOf(message: Message, queue: string): SQSRecord {
  const { MessageId = '', ReceiptHandle = '', Body = '', Attributes = {}, MD5OfBody = '' } = message;
  const own = Object.entries(message.MessageAttributes ?? {});
  return {
    messageId: MessageId,
    receiptHandle: ReceiptHandle,
    body: Body,
    attributes: Attributes as SQSRecord['attributes'],
    messageAttributes: Object.fromEntries(
      own.map(([name, { DataType: dataType = '', StringValue: stringValue = '' }]) => [
        name,
        { stringValue, stringListValues: [], binaryListValues: [], dataType },
      ]),
    ),
    md5OfBody: MD5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn(queue),
    awsRegion: REGION,
  };
}

/**
 * The message ids that a function's answer reports as failed, by Lambda's rules for ReportBatchItemFailures.
 * `undefined` means that the answer is malformed: Lambda then treats the whole batch as failed.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
 */
function reportedFailures(answer: unknown, messageIds: string[]): string[] | undefined {
  const { success, data } = answerSchema.safeParse(answer);
  if (!success) return undefined;
  const ids = (data?.batchItemFailures ?? []).map(({ itemIdentifier }) => itemIdentifier);
  return ids.every((id) => messageIds.includes(id)) ? ids : undefined;
}

const answerSchema = z
  .looseObject({ batchItemFailures: z.array(z.looseObject({ itemIdentifier: z.string() })).nullish() })
  .nullish();
