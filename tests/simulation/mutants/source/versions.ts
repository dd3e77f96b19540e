import { jobs, MINUTE_MS } from '../../scenarios/scenario';
import type { SourceMutant } from '../source-mutant';

/** The released code starts the jobs, and today's code finishes them. */
const deployed = (until: number) => [{ until, released: 1 }];

/** Today's code does not know a name that the released code stored. */
export const VERSION_MUTANTS: Record<string, SourceMutant> = {
  stepRenamed: {
    changes: [{ file: 'lib/jobs/mail.ts', find: "emails: 'send'", replace: "emails: 'mail'" }],
    breaks: /^nothing twice: 2 × mail/,
    by: {
      plan: {
        queue: 'emails',
        calls: [{ kind: 'sendgrid.send', nth: 1, fault: 'killed-after' }],
        versions: deployed(MINUTE_MS),
      },
    },
  },
  orderKeyRenamed: {
    changes: [{ file: 'lib/jobs/keys.ts', find: '`order#$', replace: '`line#$' }],
    breaks: /^order kept/,
    by: {
      plan: {
        queue: 'testflight',
        // The first job waits for code that knows its type, and the second job for the first. The third one meets
        // today's code.
        jobs: jobs('newer', ['good', { at: 1_000 }], ['good', { at: 5 * MINUTE_MS + 30 }]),
        deployAt: 20 * MINUTE_MS,
        versions: deployed(5 * MINUTE_MS),
      },
    },
  },
  attributeRenamed: {
    changes: [{ file: 'lib/jobs/stored-row.ts', find: "  ['spentMessageIds', 'left'],\n", replace: '' }],
    breaks: /^the engine failed/,
    by: {
      plan: {
        outages: [{ target: 'zendesk', from: 0, until: 10 * MINUTE_MS, fault: 'throttled' }],
        versions: deployed(MINUTE_MS),
      },
    },
  },
  campaignKeyRenamed: {
    changes: [{ file: 'lib/jobs/keys.ts', find: '`campaign#$', replace: '`campaigns#$' }],
    breaks: /there is no campaign$/,
    by: { plan: { queue: 'campaigns', versions: deployed(30_000) } },
  },
};
