import type { Item } from '../ports';

/** An operator has paused a queue (key `pause#{queue}`). Lambda receives none of its messages. */
export interface Pause extends Item {
  /** Since when, ms since 1970. */
  at: number;
  by: string;
  /** Why, in the operator's words. */
  reason: string;
}
