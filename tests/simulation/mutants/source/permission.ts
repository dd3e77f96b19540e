import { jobs, MINUTE_MS, SECOND_MS } from '../../scenarios/scenario';
import type { SourceMutant } from '../source-mutant';

const FILE = 'lib/worker/open.ts';

const forged = (form: 'placeholder' | 'lost body', at = 30 * SECOND_MS) => [{ at, form, about: 0, times: 1 }];

/** Faults of the rule that a sender may only send. */
export const PERMISSION_MUTANTS: Record<string, SourceMutant> = {
  randomIsNotCompared: {
    changes: [
      {
        file: FILE,
        find: "if ((row.token !== undefined || named) && row.token !== attributes[ATTRIBUTE.token]) return 'refused';",
        replace: '',
      },
    ],
    breaks: /^nothing twice: .* has a token, and a message without it opened/,
    // The job waits for its second attempt.
    by: { plan: { seed: 6, queue: 'bulk', jobs: jobs('falters'), forgeries: forged('placeholder') } },
  },
  nameOpensRowWithoutRandom: {
    changes: [
      {
        file: FILE,
        find: "if (row.token === undefined && payloadHash === undefined) return 'refused';",
        replace: '',
      },
    ],
    breaks: /^everything explained: .* a lost body of .* was never refused/,
    by: {
      plan: {
        jobs: jobs('event'),
        calls: [1, 2, 3].map((nth) => ({ kind: 'zendesk.createTicket', nth, fault: 'refused' })),
        forgeries: forged('lost body'),
      },
    },
  },
  earlierEntryOpensLaterEnd: {
    changes: [
      {
        file: FILE,
        find: "attributes.code !== undefined && attributes[ATTRIBUTE.parkedFrom] === row.parkedFrom ? 'run'",
        replace: "attributes.code !== undefined ? 'run'",
      },
    ],
    breaks: /^nothing twice: .* is dead, and a message that is not the entry of that end opened it/,
    // After a retry that fails too, an operator moves both entries before the reconciler deletes the first.
    by: {
      plan: {
        jobs: jobs('refused'),
        commands: [{ job: 0, what: 'retry', at: 5 * SECOND_MS }],
        redrives: [{ nth: 2, after: 15 * SECOND_MS, how: 'move' }],
      },
    },
  },
  refusalIsNotCounted: {
    changes: [{ file: FILE, find: "metrics.add('IllegalTransitions', 1, 'Count', {});", replace: '' }],
    breaks: /^everything explained: 1 messages opened nothing, and IllegalTransitions says 0/,
    by: { plan: { forgeries: forged('placeholder', MINUTE_MS) } },
  },
};
