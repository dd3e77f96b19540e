import type { Random } from '../../lib/platform/ports';

export type MemoryClock = ReturnType<typeof memoryClock>;

/** A clock that moves only when code sleeps on it or a test moves it. */
export function memoryClock(start = Date.UTC(2026, 0, 2, 3, 4, 5)) {
  let now = start;
  const advance = (ms: number): void => {
    now += ms;
  };
  return { now: () => now, sleep: async (ms: number) => advance(ms), advance };
}

/** Values that look random but are the same in every run. */
export function memoryRandom(seed = 1): Random {
  let count = 0;
  return {
    uuid: () => `00000000-0000-4000-8000-${(seed * 1_000_000 + ++count).toString(16).padStart(12, '0')}`,
    fraction: () => 0.5,
  };
}
