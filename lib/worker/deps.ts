import type { QueueSettings } from '../config';
import type { FinishDeps } from '../jobs/finish';
import type { CircuitBreakers } from '../limits/circuit';
import type { Log, Metrics, Random } from '../ports';

/** Everything that the engine reaches outside its own memory, and the little it is configured by. */
export interface WorkerDeps extends FinishDeps {
  circuits: CircuitBreakers;
  random: Random;
  log: Log;
  metrics: Metrics;
  bucket: string;
  /** Seconds before the second, third, … attempt. Their number and one is the number of attempts. */
  retryWaits: readonly number[];
  /** Seconds until a message comes back when nothing could be written. */
  storeWait: number;
  settings: (queue: string) => QueueSettings;
}

/** Deps as they are before an event says where its queue lives. */
export type BatchDeps = Omit<WorkerDeps, 'dlqUrl'>;

/** How much of an invocation is left. */
export interface Deadline {
  /** Milliseconds until nothing more may be started; the guard before the function's end is taken off already. */
  remainingMs(): number;
  /** When the function will be killed, ms since 1970. */
  at: number;
  /** Whether another job may be started. */
  mayStart(): boolean;
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** Shares of the function's time: the last tenth is for writing down what happened, a fifth must be left to start. */
export function createDeadline(now: () => number, totalMs: number): Deadline {
  const at = now() + totalMs;
  const guard = clamp(totalMs * 0.1, 300, 5_000);
  const start = clamp(totalMs * 0.2, 300, 10_000);
  const remainingMs = () => at - guard - now();
  return { at, remainingMs, mayStart: () => remainingMs() >= start };
}
