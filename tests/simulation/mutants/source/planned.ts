import { HOUR_MS, jobs, MINUTE_MS } from '../../scenarios/scenario';
import type { SourceMutant } from '../source-mutant';

const one = (planned: { ahead: number; cancel?: number }) => ({ plan: { jobs: jobs(['good', { planned }]) } });

/** Faults of jobs that wait for their time. The arrow `plan` has its own (arrows.ts). */
export const PLANNED_MUTANTS: Record<string, SourceMutant> = {
  'planned-without-its-body': {
    changes: [
      {
        file: 'lib/submit/submit.ts',
        find: "await objects.put(bodyKey(prefix, row.queue, row.id), sendable(JSON.stringify(envelope)), 'application/json');",
        replace: '',
      },
    ],
    breaks: /^no bystanders: .* its body was never deleted/,
    by: one({ ahead: HOUR_MS }),
  },
  'planned-held-since-its-acceptance': {
    changes: [
      {
        file: 'lib/reconcile/measure.ts',
        find: 'row.heldSince ?? row.dueSince ?? row.updatedAt',
        replace: 'row.heldSince ?? row.updatedAt',
      },
      { file: 'lib/reconcile/measure.ts', find: '? now :', replace: '? Number.MAX_SAFE_INTEGER :' },
    ],
    breaks: /^everything explained: OldestHeld says/,
    // The reconciler measures while it releases the other job.
    by: {
      plan: {
        queue: 'emails',
        jobs: jobs(['good', { planned: { ahead: HOUR_MS } }], ['good', { at: 10 * MINUTE_MS }]),
        calls: [{ kind: 'sendgrid.send', nth: 1, fault: 'retry-after' }],
      },
    },
  },
  'planned-late-since-its-acceptance': {
    changes: [
      {
        file: 'lib/jobs/transitions.ts',
        find: "reason === 'throttled' || reason === 'retry' ? retryAt : at",
        replace: 'row.createdAt',
      },
      { file: 'lib/jobs/transitions.ts', find: 'dueSince: Math.max(start, at)', replace: 'dueSince: at' },
    ],
    breaks: /^everything explained: TimeTo\w+ says/,
    by: one({ ahead: HOUR_MS }),
  },
  'cancelled-but-not-stored': {
    changes: [
      {
        file: 'packages/producer/jobs.ts',
        find: 'const { item: row = found } = await ledger.update(found.key, withdrawn, found);',
        replace: 'const row = withdrawn(found) ?? found;',
      },
    ],
    breaks: /^planned jobs are kept: .* is not cancelled/,
    by: one({ ahead: HOUR_MS, cancel: 10 * MINUTE_MS }),
  },
};
