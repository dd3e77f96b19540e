import type { SourceMutant } from '../source-mutant';

const WALK = 'lib/reconcile/dead-letters.ts';
const LATE = /^liveness: not done within/;

/** Faults that make a walk through a DLQ too slow. */
export const DEAD_LETTER_MUTANTS: Record<string, SourceMutant> = {
  'entries that a walk has seen return after five minutes': {
    changes: [{ file: WALK, find: 'await show(kept, until)', replace: 'await show(kept, clock.now() + 300_000)' }],
    breaks: LATE,
    by: { scale: 'large-dlq' },
  },
  'entries are judged one after another': {
    changes: [
      {
        file: WALK,
        find: 'const results = await Promise.allSettled(groups.map(judgeGroup));',
        replace:
          'const results = []; for (const group of groups) results.push(...(await Promise.allSettled([judgeGroup(group)])));',
      },
    ],
    breaks: LATE,
    by: { scale: 'large-dlq' },
  },
  'untried messages are returned only at the end of the queue': {
    changes: [
      {
        file: WALK,
        find: '{ untried, whole, mayGoOn',
        replace: '{ untried: whole ? untried : [], whole, mayGoOn',
      },
    ],
    breaks: /^liveness: the first run did not return the message in front/,
    by: { scale: 'large-dlq' },
  },
  'a walk without a reason needs a run in a certain minute': {
    changes: [
      {
        file: 'lib/reconcile/dead-letters.ts',
        find: 'quarter(now) === quarter(deps.lastRunAt)',
        replace: 'now % WALK_ANYWAY_MS >= 60_000',
      },
    ],
    breaks: LATE,
    by: { scale: 'dlq-by-chance' },
  },
};
