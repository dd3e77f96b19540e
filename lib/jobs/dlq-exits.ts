import type { Item } from '../ports';

/** How an entry leaves a DLQ; `redriven` is every way back that a worker has taken up, `canary` what nobody misses. */
export type Exit = 'redriven' | 'returned' | 'discarded' | 'expired' | 'canary';

/** What left a queue's DLQ lately (key `dlq#{queue}`), written by the reconciler alone. */
export interface DlqExits extends Item {
  /** Jobs whose entry was in the DLQ when it was last looked, `at`. */
  dead: number;
  at: number;
  /** Oldest first. */
  exits: { at: number; how: Exit; count: number }[];
}

/** The exits since a time, summed by how; empty where none was noted. */
export function exitsSince({ exits }: Pick<DlqExits, 'exits'>, since: number): Partial<Record<Exit, number>> {
  const sums: Partial<Record<Exit, number>> = {};
  for (const { at, how, count } of exits) if (at >= since) sums[how] = (sums[how] ?? 0) + count;
  return sums;
}
