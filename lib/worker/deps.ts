import type { QueueSettings } from '../config/common';
import type { FinishDeps } from '../jobs/finish';
import type { CircuitBreakers } from '../limits/circuit';
import type { Log, Metrics, Random } from '../ports';

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

/**
 * Keeps the last tenth of the time, at most 5 s, for writing the outcome. A job is started only if another fifth, at most
 * 10 s, is left.
 */
export function createDeadline(now: () => number, totalMs: number): Deadline {
  const at = now() + totalMs;
  const guard = clamp(totalMs * 0.1, 300, 5_000);
  const start = clamp(totalMs * 0.2, 300, 10_000);
  const remainingMs = () => at - guard - now();
  return { at, remainingMs, mayStart: () => remainingMs() >= start };
}
