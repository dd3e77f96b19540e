import type { ScaleResult } from './service';

export interface ScalePlan {
  name: string;
  what: string;
  size: number;
  /** The number of items of `npm run simulate -- --scale`. */
  largest: number;
  run(size: number): Promise<ScaleResult>;
}
