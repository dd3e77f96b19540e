import { aPlan } from '../../draw/plan';
import type { CallFault } from '../../world/faults';
import type { SourceMutant } from '../source-mutant';

const { jobs } = aPlan();
/** SendGrid takes the mail and never answers, so only its event proves that. Seed 1 lets the event come. */
const calls: CallFault[] = [{ kind: 'sendgrid.send', nth: 1, fault: 'silent' }];
const plan = { seed: 1, queue: 'emails', jobs, calls };

export const EVIDENCE_MUTANTS: Record<string, SourceMutant> = {
  'evidence-deleted-before-its-row': {
    changes: [
      {
        file: 'lib/reconcile/ends.ts',
        find: 'const evidence = item.evidence as Evidence;',
        replace: 'await deps.table.delete(key, item.version); const evidence = item.evidence as Evidence;',
      },
    ],
    breaks: /^nothing lost: the event about the mail of .* left its step unknown/,
    // This put to the table is the reconciler's to the row.
    by: { plan: { ...plan, calls: [...calls, { kind: 'table.put', nth: 11, fault: 'killed-before' }] } },
  },
  'evidence-kept-and-forgotten': {
    changes: [
      {
        file: 'lib/emails/events/webhook.ts',
        find: 'todo: todoKey(queue, kind),',
        replace: "...(kind === 'reports' ? { todo: todoKey(queue, kind) } : {}),",
      },
    ],
    breaks: /^nothing lost: the event about the mail of .* left its step unknown/,
    by: { plan },
  },
};
