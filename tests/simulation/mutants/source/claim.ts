import { jobs } from '../../scenarios/scenario';
import type { SourceMutant } from '../source-mutant';

const FILE = 'lib/jobs/ledger.ts';

/** Mistakes of a claim that does not read the row first. */
export const CLAIM_MUTANTS = {
  /** It does not compare the row with the message, so another job with the same id runs as this one. */
  claimBelievesMessage: {
    changes: [
      {
        file: FILE,
        find: "...(before as Change['expected']),",
        replace:
          "...(only(before as Item, ['state', 'steps', 'spentMessageIds', 'deliveries']) as Change['expected']),",
      },
      { file: FILE, find: "'token', 'group', 'sequence', 'correlationId', 'campaign', 'traceparent', ", replace: '' },
    ],
    breaks: /^nothing twice: .* has a token, and a message without it opened/,
    by: {
      plan: {
        jobs: jobs('good', ['stolen-id', { at: 5_000, group: 1 }]),
        starts: [{ nth: 1, fault: 'failed', ms: 0 }],
      },
    },
  },
  /** It does not look at what other runs have done. */
  claimIgnoresRuns: {
    changes: [
      {
        file: FILE,
        find: "...(before as Change['expected']),",
        replace: 'payloadHash: blank.payloadHash,',
      },
      { file: FILE, find: 'ABSENT.map((name) => [name, undefined])', replace: '[]' },
    ],
    breaks: /^everything explained: no arrow leads .* from succeeded/,
    by: { plan: { jobs: jobs('good', ['copy', { at: 60_000, group: 1 }]) } },
  },
} satisfies Record<string, SourceMutant>;
