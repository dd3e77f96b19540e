import { playHours } from './hours-run';
import type { ScalePlan } from './plan';

/** Seeds that show the faults of `mutants/source/scale.ts` come first. */
const FIRST = [13, 15, 3];

/** Hours of events that two runs write at the same time, while their calls fail. Each number is a seed. */
export const hours: ScalePlan = {
  name: 'hours',
  what: 'hours of events that two runs write at once, with calls that fail, die or land late, and messages weeks late',
  size: 20,
  largest: 300,
  async run(size) {
    let minutes = 0;
    let calls = 0;
    const seeds = new Set([...FIRST, ...Array.from({ length: size }, (_, n) => n + 1)]);
    for (const seed of [...seeds].slice(0, size)) {
      const played = await playHours(seed);
      minutes += played.minutes;
      calls += played.calls;
      if (played.violation) return { minutes, calls, violation: `${played.violation} (seed ${seed})` };
    }
    return { minutes, calls };
  },
};
