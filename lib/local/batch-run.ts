import type { Message } from '@aws-sdk/client-sqs';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import type { InvokeResult } from './lambda/environment';
import { SqsError } from './sqs/errors';
import type { SqsModel } from './sqs/types';
import { recordOf, reportedFailures, splitByPayload } from './sqs-event';
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

export interface BatchOptions {
  sqs: SqsModel;
  /** Name of the queue. */
  queue: string;
  /** FunctionResponseTypes: ReportBatchItemFailures. */
  partialResponses: boolean;
  invoke: (event: SQSEvent) => Promise<InvokeResult>;
  timers: Timers;
  onEvent?: (event: MappingEvent) => void;
  /** Returns true to lose a delete: the request of a finished message never reaches SQS. */
  lose?: (messageId: string) => boolean;
}

/** Lambda retries a throttled invocation after 1, 2, 4, … seconds, at most this. */
const LONGEST_BACKOFF_MS = 30_000;

export interface BatchRunner {
  /** Invokes the function with the messages and deletes those that succeeded. */
  run(messages: Message[]): Promise<void>;
  /** Stops retrying throttled invocations, now and later. */
  stopRetries(): void;
}

/** Does what Lambda does with one batch between receive and delete. */
export function createBatchRunner(options: BatchOptions, queueArn: string): BatchRunner {
  const { sqs, timers, partialResponses, onEvent = () => {} } = options;
  /** Each function ends the back-off of one throttled invocation. */
  const waits = new Set<() => void>();
  let stopped = false;

  async function run(messages: Message[]): Promise<void> {
    const deadline = timers.now() + visibilityMs(options);
    const records = messages.map((message) => recordOf(message, { queueArn, region: sqs.region }));
    for (const part of splitByPayload(records)) await runPart(part, deadline);
  }

  async function runPart(records: SQSRecord[], deadline: number): Promise<void> {
    const messageIds = records.map(({ messageId }) => messageId);
    const result = await invoke(records, deadline);
    const failures =
      result.kind !== 'answer' ? messageIds : partialResponses ? reportedFailures(result.value, messageIds) : [];
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
      const again = !stopped && retryAt < deadline;
      onEvent({ kind: 'throttled', messageIds, retryAt: again ? retryAt : undefined });
      if (!again) return result;
      await wait(backoff);
      if (stopped) return result;
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
    run,
    stopRetries() {
      stopped = true;
      for (const end of [...waits]) end();
    },
  };
}

/** Lambda receives with the visibility timeout of the queue. */
export const visibilityMs = ({ sqs, queue }: Pick<BatchOptions, 'sqs' | 'queue'>): number =>
  Number(
    sqs.getQueueAttributes({ QueueUrl: queue, AttributeNames: ['VisibilityTimeout'] }).Attributes?.VisibilityTimeout,
  ) * 1000;
