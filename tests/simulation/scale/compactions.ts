import { playCompactions } from './compaction-run';
import type { ScalePlan } from './plan';

/** Hours of events that two compactions merge at the same time, while their calls fail. Each number is a seed. */
export const compactions: ScalePlan = {
  name: 'compactions',
  what: 'hours that two compactions merge at once, with calls that fail, die or land late',
  size: 100,
  largest: 20_000,
  async run(size) {
    let minutes = 0;
    let calls = 0;
    for (let seed = 1; seed <= size; seed++) {
      const played = await playCompactions(seed);
      minutes += played.minutes;
      calls += played.calls;
      if (played.violation) return { minutes, calls, violation: `${played.violation} (seed ${seed})` };
    }
    return { minutes, calls };
  },
};
