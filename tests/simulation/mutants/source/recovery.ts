import type { SourceMutant } from '../source-mutant';

/** Faults that release held jobs too slowly, too fast, or not at all. */
export const RECOVERY_MUTANTS: Record<string, SourceMutant> = {
  'due-rows-of-one-page': {
    changes: [
      {
        file: 'lib/reconcile/due.ts',
        find: 'while (page.length === share && mayGoOn()) {',
        replace: 'while (false) {',
      },
    ],
    breaks: /^bystanders/,
    by: { scale: 'failing' },
  },
  'no-backoff': {
    changes: [
      {
        file: 'lib/reconcile/due.ts',
        find: 'await backOff(row).catch(() => undefined)',
        replace: '1',
      },
    ],
    breaks: /^tries in vain/,
    by: { scale: 'failing' },
  },
  'all-released-at-once': {
    changes: [
      {
        file: 'lib/reconcile/release.ts',
        find: 'settings(queue).room - visible - inFlight',
        replace: '1_000_000 - visible - inFlight',
      },
    ],
    breaks: /^(bystanders|requests in vain)/,
    by: { scale: 'recovery' },
  },
  'one-look-a-run': {
    changes: [
      {
        file: 'lib/reconcile/release.ts',
        find: 'return room.isFull() || kinds.some(isSoon);',
        replace: 'return now < 0;',
      },
    ],
    breaks: /^liveness/,
    by: { scale: 'recovery' },
  },
  'no-least-number-of-releases': {
    changes: [{ file: 'lib/reconcile/release.ts', find: 'const LEAST = 20;', replace: 'const LEAST = 0;' }],
    breaks: /^liveness/,
    by: { scale: 'never-empty' },
  },
};
