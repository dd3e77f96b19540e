import type { SQSRecord } from 'aws-lambda';
import type { QueueSettings } from '../config/common';
import type { FinishDeps } from '../jobs/finish';
import type { Log, Metrics, Random, ReceivedMessage } from '../ports';
import type { CircuitBreakers } from './circuit';
import type { QueueContract } from './contract';

export interface WorkerDeps extends FinishDeps {
  circuits: CircuitBreakers;
  random: Random;
  log: Log;
  metrics: Metrics;
  bucket: string;
  /** Seconds before the second, third, … attempt. There is one attempt more than there are waits. */
  retryWaits: readonly number[];
  /** Seconds until a message comes back when nothing could be written. */
  storeWait: number;
  settings: (queue: string) => QueueSettings;
}

/** The same without `dlqUrl`, which follows from the queue of each message. */
export type BatchDeps = Omit<WorkerDeps, 'dlqUrl'>;

export interface Deadline {
  /** Milliseconds until nothing more may be started. The reserve for the last writes is subtracted already. */
  remainingMs(): number;
  /** When Lambda kills the function, in ms since 1970. */
  at: number;
  mayStart(): boolean;
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** Keeps a tenth of the time, at most 5 s, for the last writes. A job starts if a fifth more, at most 10 s, is left. */
export function createDeadline(now: () => number, totalMs: number): Deadline {
  const at = now() + totalMs;
  const guard = clamp(totalMs * 0.1, 300, 5_000);
  const start = clamp(totalMs * 0.2, 300, 10_000);
  const remainingMs = () => at - guard - now();
  return { at, remainingMs, mayStart: () => remainingMs() >= start };
}

export interface Incoming extends Omit<ReceivedMessage, 'movedBySqs'> {
  queueArn: string;
}

export interface DeliveryRun {
  deps: WorkerDeps;
  contract: QueueContract;
  message: Incoming;
  deadline: Deadline;
  /** Whether no other job runs in this invocation. */
  alone: boolean;
}

/** Whether SQS dead-letters the message if it comes back. */
export const isLastReceive = ({ receiveCount }: Pick<Incoming, 'receiveCount'>, { receives }: QueueSettings): boolean =>
  receiveCount >= receives;

export function incoming(record: SQSRecord): Incoming {
  const { MessageGroupId: groupId, SequenceNumber: sequenceNumber } = record.attributes;
  const attributes = Object.entries(record.messageAttributes ?? {}).flatMap(([name, { stringValue }]) =>
    stringValue === undefined ? [] : [[name, stringValue] as const],
  );
  return {
    messageId: record.messageId,
    receiptHandle: record.receiptHandle,
    body: record.body,
    ...(groupId === undefined ? {} : { groupId }),
    ...(sequenceNumber === undefined ? {} : { sequenceNumber }),
    receiveCount: Number(record.attributes.ApproximateReceiveCount),
    sentAt: Number(record.attributes.SentTimestamp),
    attributes: Object.fromEntries(attributes),
    queueArn: record.eventSourceARN,
  };
}
