import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, Random } from '../ports';

export const realClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    // Only an abort rejects. Node would end a longer timer at once.
    await sleep(Math.min(Math.max(0, ms), 2 ** 31 - 1), undefined, { ...(signal && { signal }) }).catch(() => {});
  },
};

export const realRandom: Random = {
  uuid: () => randomUUID(),
  fraction: () => Math.random(),
};
