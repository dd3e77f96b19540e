import type * as z from 'zod';
import type { QueueSettings } from '../../platform/config/functions';
import type { Clock, Events, Log, Metrics, Objects, Queues, Random, ReceivedMessage } from '../../platform/ports';
import type { DeliverySpan } from '../../platform/trace';
import type { Envelope } from '../jobs/envelope';
import type { Ledger } from '../jobs/ledger';
import type { JobRow } from '../jobs/row';
import type { CircuitBreakers } from './circuit';
import type { Probes, VendorGate } from './gate';
import type { Steps } from './steps';

export interface Job<T> {
  id: string;
  data: T;
  envelope: Envelope;
  row: JobRow;
}

export const LONGEST_CALL_MS = 10_000;

export interface RunContext {
  steps: Steps;
  /** Every call to a vendor goes through this gate, which applies the vendor's circuit breaker. */
  vendor: VendorGate;
  /**
   * Milliseconds for the next call: `most`, or less in a function with little time. Throws a VerdictError if less time
   * is left. So our own deadline cuts no call, and a call that is too slow is the vendor's failure.
   */
  callTimeoutMs(most?: number): number;
  /** Milliseconds until nothing more may be started. */
  remainingMs(): number;
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
   * The name of the first step of a job that has done nothing. The claim stores its start, which saves a write. Only a
   * step with `resolve` may be named: a crash before the call would make any other one unknown.
   */
  first?: (job: Job<T>) => string;
  /**
   * The same without a row, for work with the same effect however often and in whatever order it runs. It throws an
   * IdTakenError if another job with its id is done. It is used if all types of the queue have it (run.ts).
   */
  direct?: (job: Omit<Job<T>, 'row'>, context: Pick<RunContext, 'now' | 'log'>) => Promise<unknown>;
}

export interface QueueContract {
  queue: string;
  /** The harmless call of each vendor that has one. If the vendor is in trouble, it comes before a call of a job. */
  probes?: Probes;
  /** The key is the CloudEvents type, `{queue}.{what}.v{n}`. */
  types: Record<string, MessageType>;
}

/** Checks that schema and process of one type agree on the data. */
export const messageType = <T>(type: MessageType<T>): MessageType => type as unknown as MessageType;

export interface FinishDeps {
  ledger: Ledger;
  objects: Objects;
  queues: Queues;
  clock: Clock;
  prefix: string;
  settings: (queue: string) => QueueSettings;
  events?: Events | undefined;
  dlqUrl: (queue: string) => string;
}

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
}

export interface Deadline {
  /** Milliseconds until nothing more may be started. The reserve for the last writes is subtracted already. */
  remainingMs(): number;
  /** The most that one call may take. */
  longestCallMs: number;
  /** When Lambda kills the function, in ms since 1970. */
  at: number;
  mayStart(): boolean;
}

export interface Incoming extends Omit<ReceivedMessage, 'movedBySqs'> {
  queueArn: string;
}

export interface Handling {
  deps: WorkerDeps;
  contract: QueueContract;
  message: Incoming;
  deadline: Deadline;
  /** The token of every lease of this delivery, so that a claim whose answer was lost is found again. */
  leaseToken: string;
  /** Of this delivery, from the start of its work. */
  span?: DeliverySpan;
}

export type Disposition =
  /** It is deleted. `direct`: a job that was done without a row. `none`: why the message ran no job. */
  | { kind: 'acknowledge'; row: JobRow }
  | { kind: 'acknowledge'; direct: { id: string; time: number; type: string; traceparent: string | undefined } }
  | { kind: 'acknowledge'; none: 'late' | 'refused' | 'damaged' | 'copied' }
  | { kind: 'return'; visibilityMs: number; row?: JobRow };
