import { randomUUID } from 'node:crypto';
import type { Clock, Random } from '../ports';

export const realClock: Clock = {
  now: () => Date.now(),
  // Node's own promise makes an error with a stack for each abort.
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      // Node would end a longer timer at once.
      const timer = setTimeout(end, Math.min(Math.max(0, ms), 2 ** 31 - 1));
      signal?.addEventListener('abort', end);
      if (signal?.aborted) end();
    }),
};

export const realRandom: Random = {
  uuid: () => randomUUID(),
  fraction: () => Math.random(),
};
