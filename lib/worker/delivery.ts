import type { SQSRecord } from 'aws-lambda';
import type { QueueSettings } from '../config/common';
import type { QueueContract } from './contract';
import type { Deadline, WorkerDeps } from './deps';

/** A message as Lambda delivers it. */
export interface Incoming {
  messageId: string;
  receiptHandle: string;
  body: string;
  group?: string;
  sequence?: string;
  receiveCount: number;
  sentAt: number;
  attributes: Record<string, string>;
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
  const { MessageGroupId: group, SequenceNumber: sequence } = record.attributes;
  const attributes = Object.entries(record.messageAttributes ?? {}).flatMap(([name, { stringValue }]) =>
    stringValue === undefined ? [] : [[name, stringValue] as const],
  );
  return {
    messageId: record.messageId,
    receiptHandle: record.receiptHandle,
    body: record.body,
    ...(group === undefined ? {} : { group }),
    ...(sequence === undefined ? {} : { sequence }),
    receiveCount: Number(record.attributes.ApproximateReceiveCount),
    sentAt: Number(record.attributes.SentTimestamp),
    attributes: Object.fromEntries(attributes),
    queueArn: record.eventSourceARN,
  };
}
