import type { SQSEvent } from 'aws-lambda';
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
  functionTimeoutMs: number;
  /** 2 to 1000; without it only the queue's groups limit the concurrency. */
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
  /** Polls no more; resolves when the running invocations have ended. */
  stop(): Promise<void>;
}
