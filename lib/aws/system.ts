import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, Random } from '../ports';

/** Node ends a longer timer at once. */
const LONGEST_MS = 2 ** 31 - 1;

export const realClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    // Only an abort rejects.
    await sleep(Math.min(Math.max(0, ms), LONGEST_MS), undefined, { ...(signal && { signal }) }).catch(() => {});
  },
};

export const realRandom: Random = {
  uuid: () => randomUUID(),
  fraction: () => Math.random(),
};
