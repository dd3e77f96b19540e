import { jobs } from '../../scenarios/scenario';
import type { SourceMutant } from '../source-mutant';

const file = 'lib/testflight/subjects.ts';

export const SUBJECT_MUTANTS: Record<string, SourceMutant> = {
  heldCommandUndoesLaterOne: {
    changes: [
      {
        file,
        find: "if ('by' in left) throw new SupersededError(left.by);",
        replace: "if ('by' in left) return wanted.groups ?? [];",
      },
    ],
    breaks: /^later wins: .* the tester is in the group/,
    by: {
      plan: {
        queue: 'testflight',
        jobs: jobs('joins', ['build', { group: 1 }], ['leaves', { at: 1_000 }]),
        calls: [{ kind: 'apple.createTester', nth: 1, fault: 'throttled' }],
      },
    },
  },
  everyCommandIsSuperseded: {
    changes: [{ file, find: 'bySequence(a.place, b.place) > 0', replace: 'a.job !== b.job' }],
    breaks: /^later wins: .* is superseded, and no later command covers it/,
    by: { plan: { queue: 'testflight', jobs: jobs('joins', ['joins', { at: 1_000 }]) } },
  },
};
