import type { z } from 'zod';
import type { Vendor } from '../errors';
import type { Envelope } from '../jobs/envelope';
import type { JobRow } from '../jobs/row';
import type { VendorGate } from '../limits/gate';
import type { Log } from '../ports';
import type { Steps } from './steps';

/** A job as its worker gets it: validated, claimed, leased. */
export interface Job<T> {
  id: string;
  data: T;
  envelope: Envelope;
  row: JobRow;
}

/** Longest single call to a vendor, ms. */
export const LONGEST_CALL_MS = 10_000;

/** What the engine lends to one run. */
export interface RunContext {
  steps: Steps;
  /** Calls to a vendor go through here: it applies the vendor's circuit breaker. */
  vendor: VendorGate;
  /** Milliseconds for the next call, `most` at best; throws OutOfTimeError where too little is left. */
  callTimeoutMs(most?: number): number;
  now(): number;
  log: Log;
}

/** What one message type of a queue means. The answer of `process` is shown in row and record: small, not personal. */
export interface MessageType<T = unknown> {
  schema: z.ZodType<T>;
  process: (job: Job<T>, context: RunContext) => Promise<unknown>;
  /**
   * The same without a row, for work that leaves the same however often and in whatever order it is done, and that
   * throws an IdTakenError where another job of its id was done. A queue all of whose types have it does without the
   * ledger until something goes wrong (direct.ts).
   */
  direct?: (job: Omit<Job<T>, 'row'>, context: Pick<RunContext, 'now' | 'log'>) => Promise<unknown>;
}

/** All that is particular to a queue; the rest is the engine's. */
export interface QueueContract {
  queue: string;
  /** By CloudEvents type, e.g. `feedback.submitted.v1`. */
  types: Record<string, MessageType>;
  vendors: readonly Vendor[];
}

/** Keeps schema and process of one type together in their types. */
export function messageType<T>(type: MessageType<T>): MessageType {
  return type as unknown as MessageType;
}
