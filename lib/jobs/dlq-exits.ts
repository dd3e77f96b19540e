import type { Item } from '../ports';

/** How an entry leaves a DLQ. `redriven`: a worker has taken the job up again. `canary`: it was a canary's entry. */
export type Exit = 'redriven' | 'returned' | 'discarded' | 'expired' | 'canary';

/** Recent exits from a queue's DLQ (key `dlq#{queue}`). Only the reconciler writes this item. */
export interface DlqExits extends Item {
  /** Jobs that had an entry in the DLQ at the last look, at `at`. */
  dead: number;
  at: number;
  /** Oldest first. */
  exits: { at: number; how: Exit; count: number }[];
  /** Why the jobs died whose entries are in the DLQ, the most frequent code first. */
  causes?: Cause[];
  /** The codes that the chat has been told about since the DLQ was empty. */
  told?: string[];
}

/** The dead jobs of one error code. */
export interface Cause {
  code: string;
  jobs: number;
  /** The jobs that died first. */
  first: string[];
}

/** How many entries left since a time, by kind of exit. */
export function exitsSince({ exits }: Pick<DlqExits, 'exits'>, since: number): Partial<Record<Exit, number>> {
  const sums: Partial<Record<Exit, number>> = {};
  for (const { at, how, count } of exits) if (at >= since) sums[how] = (sums[how] ?? 0) + count;
  return sums;
}
