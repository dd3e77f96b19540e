import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, Random } from '../ports';

export const realClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    // Only an abort rejects.
    await sleep(Math.max(0, ms), undefined, { ...(signal && { signal }) }).catch(() => {});
  },
};

export const realRandom: Random = {
  uuid: () => randomUUID(),
  fraction: () => Math.random(),
};
