import fc from 'fast-check';
import { anyLine, playLine } from '../../support/line-runs';
import type { ScalePlan } from './plan';

/** Short lines whose runs interleave and can die at any call. */
export const lineRaces: ScalePlan = {
  name: 'line-races',
  what: 'lines whose joins, ends and looks interleave and die',
  size: 500,
  largest: 50_000,
  async run(size) {
    const property = fc.asyncProperty(anyLine(12, { fronts: [2, 3, 4] }), async (line) => {
      const violation = await playLine(line);
      if (violation) throw new Error(violation);
    });
    const { failed, counterexample, errorInstance } = await fc.check(property, { numRuns: size, seed: 1 });
    const violation = `${(errorInstance as Error | undefined)?.message}, by ${JSON.stringify(counterexample)}`;
    return { minutes: 0, calls: 0, ...(failed ? { violation } : {}) };
  },
};
