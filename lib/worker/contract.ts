import type * as z from 'zod';
import type { FirstStep } from '../jobs/claim';
import type { Envelope } from '../jobs/envelope';
import type { JobRow } from '../jobs/row';
import type { Log } from '../ports';
import type { VendorGate } from './gate';
import type { Steps } from './steps';

export interface Job<T> {
  id: string;
  data: T;
  envelope: Envelope;
  /** The message that `envelope` was parsed from, only for `direct`. */
  body?: string | undefined;
  row: JobRow;
}

/** The longest single call to a vendor, in ms. */
export const LONGEST_CALL_MS = 10_000;

export interface RunContext {
  steps: Steps;
  /** Every call to a vendor goes through this gate, which applies the vendor's circuit breaker. */
  vendor: VendorGate;
  /** Milliseconds for the next call, at most `most`. Throws an OutOfTimeError if too little time is left. */
  callTimeoutMs(most?: number): number;
  now(): number;
  log: Log;
}

/** One message type of a queue. The result of `process` is stored, so it must be small and hold no personal data. */
export interface MessageType<T = unknown> {
  schema: z.ZodType<T>;
  process: (job: Job<T>, context: RunContext) => Promise<unknown>;
  /** Its jobs wait for their share of a rate, so how long they take is not measured. */
  paced?: true;
  /**
   * The first step of a job that has done nothing, and the hash of its request. The claim stores its start, which saves
   * a write. Only a step with `resolve` may be named: a crash before the call would make any other one unknown.
   */
  first?: (job: Omit<Job<T>, 'envelope'>) => FirstStep;
  /**
   * The same without a row, for work with the same effect however often and in whatever order it runs. It throws an
   * IdTakenError if another job with its id is done. If all types of a queue have it, the queue's jobs need the ledger
   * only when something goes wrong (direct.ts).
   */
  direct?: (job: Omit<Job<T>, 'row'>, context: Pick<RunContext, 'now' | 'log'>) => Promise<unknown>;
}

/** Everything that differs from queue to queue. */
export interface QueueContract {
  queue: string;
  /** The key is the CloudEvents type, e.g. `feedback.submitted.v1`. */
  types: Record<string, MessageType>;
}

/** Checks that schema and process of one type agree on the data. */
export function messageType<T>(type: MessageType<T>): MessageType {
  return type as unknown as MessageType;
}
