import type { ScaleResult } from './service';

/** A run of thousands of jobs with a time bound. */
export interface ScalePlan {
  name: string;
  /** The items of the plan, in words. */
  what: string;
  /** The number of items in the tests. */
  size: number;
  /** The number of items of `npm run simulate -- --scale`. */
  largest: number;
  run(size: number): Promise<ScaleResult>;
}
