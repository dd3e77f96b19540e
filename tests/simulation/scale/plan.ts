import type { ScaleResult } from './service';

/** Runs of thousands of jobs, each with a bound on how long it may take. */
export interface ScalePlan {
  name: string;
  /** What is there, in words, of so many items. */
  what: string;
  /** Among the tests. */
  size: number;
  /** By `npm run simulate -- --scale`. */
  largest: number;
  run(size: number): Promise<ScaleResult>;
}
