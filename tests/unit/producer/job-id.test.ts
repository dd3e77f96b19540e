import fc from 'fast-check';
import { validate, version } from 'uuid';
import { jobId } from '../../../lib/submit/options';
import { memoryClock, memoryRandom } from '../../support/memory-clock';

const SPLIT = { queue: 'q', principal: 'a', key: 'bc' };
const deps = { clock: memoryClock(), random: memoryRandom() };

describe('a job id', () => {
  it('without a key is new each time and sorts by time', () => {
    const clock = memoryClock();
    const ids = [1, 2, 3].map(() => {
      clock.advance(1);
      return jobId({ queue: 'feedback', clock, random: deps.random });
    });

    expect(new Set(ids).size).toBe(3);
    expect(ids.toSorted()).toEqual(ids);
    expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  });

  it('with a key never changes, because it is a stored contract', () => {
    expect(jobId({ ...deps, queue: 'feedback', principal: 'client-1', key: 'order-1' })).toBe(
      'a891c0c9-eb8a-5baf-acde-3e55bffccc70',
    );
  });

  it('depends on queue, principal and key as separate values', () => {
    const names = fc.record({ queue: fc.string(), principal: fc.string(), key: fc.string() });

    fc.assert(
      fc.property(names, names, (a, b) => {
        const same = a.queue === b.queue && a.principal === b.principal && a.key === b.key;
        expect(jobId({ ...deps, ...a }) === jobId({ ...deps, ...b })).toBe(same);
      }),
      {
        examples: [
          [SPLIT, { ...SPLIT, principal: 'ab', key: 'c' }],
          [SPLIT, SPLIT],
        ],
      },
    );
  });
});
