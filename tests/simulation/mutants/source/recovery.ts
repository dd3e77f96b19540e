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
        find: 'await backOff(deps, row, { code, from: until }).catch(() => undefined)',
        replace: '1',
      },
    ],
    breaks: /^tries in vain/,
    by: { scale: 'failing' },
  },
  'a-hundred-releases-a-run': {
    changes: [
      {
        file: 'lib/reconcile/throughput.ts',
        find: 'const window = Math.floor(next.growth * next.done);',
        replace: 'const window = 100;',
      },
    ],
    breaks: /^liveness/,
    by: { scale: 'recovery-unlimited' },
  },
  'all-released-at-once': {
    changes: [
      {
        file: 'lib/reconcile/throughput.ts',
        find: 'room: Math.max(0, window - depth),',
        replace: 'room: 1_000_000,',
      },
    ],
    breaks: /^(bystanders|requests in vain)/,
    by: { scale: 'recovery' },
  },
  'held-again-counts-as-done': {
    changes: [
      {
        file: 'lib/reconcile/throughput.ts',
        find: 'const undone = depth + heldAgain;',
        replace: 'const undone = depth;',
      },
    ],
    breaks: /^(bystanders|requests in vain)/,
    by: { scale: 'recovery' },
  },
  'no-least-number-of-releases': {
    changes: [{ file: 'lib/reconcile/pace.ts', find: 'const FLOOR = 20;', replace: 'const FLOOR = 0;' }],
    breaks: /^liveness/,
    by: { scale: 'never-empty' },
  },
};
