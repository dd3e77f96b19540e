import type { Message } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import type { EventSourceMappingOptions, InvokeResult } from './event-source-mapping';
import { reportedFailures } from './partial-response';
import { SqsError } from './sqs/errors';
import { recordOf, splitByPayload } from './sqs-event';

/** A throttled invocation is tried again after 1, 2, 4, … seconds, at most this. */
const LONGEST_BACKOFF_MS = 30_000;

export interface BatchRunner {
  /** Invokes the function with the messages and deletes what it has done. */
  run(messages: Message[]): Promise<void>;
  /** Throttled invocations are not tried again, now or later. */
  giveUpWaiting(): void;
}

/** What Lambda does with one batch between receive and delete. */
export function createBatchRunner(options: EventSourceMappingOptions, queueArn: string): BatchRunner {
  const { sqs, timers, partialResponses, onEvent = () => {} } = options;
  /** Ends the waits of throttled invocations. */
  const waits = new Set<() => void>();
  let givenUp = false;

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

  /** Tries a throttled invocation again until the messages are about to be visible: then they go back untried. */
  async function invoke(Records: SQSRecord[], deadline: number): Promise<InvokeResult> {
    const messageIds = Records.map(({ messageId }) => messageId);
    for (let backoff = 1000; ; backoff = Math.min(2 * backoff, LONGEST_BACKOFF_MS)) {
      onEvent({ kind: 'invoked', messageIds });
      const result = await options.invoke({ Records }).catch((): InvokeResult => ({ kind: 'failed', reason: 'error' }));
      if (result.kind !== 'throttled') return result;
      const retryAt = timers.now() + backoff;
      const again = !givenUp && retryAt < deadline;
      onEvent({ kind: 'throttled', messageIds, retryAt: again ? retryAt : undefined });
      if (!again) return result;
      await wait(backoff);
      if (givenUp) return result;
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

  /** Returns what is deleted. A delete can be too late: a FIFO queue refuses it once the visibility has ended. */
  function deleteRecords(records: SQSRecord[]): string[] {
    return records.flatMap(({ messageId, receiptHandle }) => {
      if (options.lose?.()) {
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
    giveUpWaiting() {
      givenUp = true;
      for (const end of [...waits]) end();
    },
  };
}

/** Lambda receives with the queue's own visibility. */
export const visibilityMs = ({ sqs, queue }: EventSourceMappingOptions): number =>
  Number(
    sqs.getQueueAttributes({ QueueUrl: queue, AttributeNames: ['VisibilityTimeout'] }).Attributes?.VisibilityTimeout,
  ) * 1000;
