import { aPlan, type Plan } from '../../draw/plan';
import { jobs as scenarioJobs } from '../../scenarios/scenario';
import type { CallFault } from '../../world/faults';
import type { SourceMutant } from '../source-mutant';

const MINUTE_MS = 60_000;
const { jobs } = aPlan();

/** SendGrid refuses this many first requests. An attempt makes three. */
const refused = (count: number): CallFault[] =>
  Array.from({ length: count }, (_, index) => ({ kind: 'sendgrid.send', nth: index + 1, fault: 'refused' }));
const emails = { queue: 'emails', jobs } satisfies Partial<Plan>;

/** As the code once did, a claim parks every job whose attempts are used up, with its stored error. */
const ATTEMPTS_AT_CLAIM: SourceMutant['changes'] = [
  {
    file: 'lib/worker/batch.ts',
    find: 'const opened = await open(handling, subject);',
    replace: `const taken = await open(handling, subject);
      const spent = taken.kind === 'claimed' && taken.row.attempts > deps.retryWaits.length;
      const opened = spent ? { ...taken, kind: 'crash loop' } : taken;`,
  },
  {
    file: 'lib/worker/batch.ts',
    find: "error: CRASH_LOOP, reason: 'crash',",
    replace: "error: opened.row.error ?? CRASH_LOOP, reason: opened.row.error ? 'error' : 'crash',",
  },
];

export const ENGINE_MUTANTS = {
  /** The claim starts a mail. A worker that dies before its call would leave it unknown. */
  mailBegunByClaim: {
    changes: [
      {
        file: 'lib/emails/process.ts',
        find: 'schema: emailMessageSchema,',
        replace: "schema: emailMessageSchema, first: () => ({ name: 'send' }),",
      },
    ],
    breaks: /^nothing twice: the claim of .* starts send/,
    by: { plan: { ...emails } },
  },
  /** A clock that is far ahead takes the job from a run that is still at work. */
  lostLeaseWrites: {
    changes: [
      {
        file: 'lib/worker/steps.ts',
        find: 'row?.lease?.token === token ? row : undefined',
        replace: 'row?.lease ? row : undefined',
      },
    ],
    breaks: /^nothing twice: 2 × mail/,
    by: { plan: { seed: 4, skew: 10 * MINUTE_MS, starts: [1, 2].map((nth) => ({ nth, fault: 'twice', ms: 20 })) } },
  },
  refusalForgetsEarlierCall: {
    changes: [
      {
        file: 'lib/worker/steps.ts',
        find: "if (before?.status !== 'started') forget(name);\n    else set(",
        replace: 'forget(name);\n    if (before === null) set(',
      },
    ],
    breaks: /^nothing twice: 2 × ticket/,
    by: {
      plan: {
        seed: 8,
        jobs: scenarioJobs('good', ['good', { group: 1 }]),
        calls: (['late', 'late', 'forbidden'] as const).map((fault, index) => ({
          kind: 'zendesk.createTicket',
          nth: index + 1,
          fault,
        })),
        redrives: [{ nth: 1, after: 120 * MINUTE_MS, how: 'move' }],
        broken: { from: 34, until: 60_034 },
        skew: MINUTE_MS,
        events: true,
      },
    },
  },
  unknownTakenForFailed: {
    changes: [
      ...ATTEMPTS_AT_CLAIM,
      {
        file: 'lib/worker/decide.ts',
        find: "reason: 'unknown', waitMs: 0, counts: false",
        replace: "reason: 'unknown', waitMs: 0, counts: true",
      },
    ],
    breaks: /^no bystanders: .*its step may have taken effect/,
    by: {
      plan: {
        ...emails,
        calls: [...refused(6), { kind: 'sendgrid.send', nth: 7, fault: 'silent' }],
        resolution: { after: 10 * MINUTE_MS },
      },
    },
  },
  lastAnswerNotAskedFor: {
    changes: [
      {
        file: 'lib/worker/decide.ts',
        find: 'asks ? retryWaits.at(-1) : retryWaits[attempts]',
        replace: 'retryWaits[attempts]',
      },
    ],
    breaks: /^no bystanders: .*invitation took effect/,
    by: {
      plan: {
        queue: 'testflight',
        waits: { at: 20 * MINUTE_MS, from: [60], to: [60] },
        // The second job succeeds, which shows that Apple works. Then Apple answers no question about the first one.
        jobs: [...jobs, { kind: 'good', at: 40_000, group: 1, retries: 0 }],
        outages: [
          { target: 'apple', from: 0, until: MINUTE_MS / 2, fault: 'refused' },
          { target: 'apple', from: 70_000, until: 3 * MINUTE_MS, fault: 'refused' },
        ],
        calls: [{ kind: 'apple.invite', nth: 1, fault: 'lost' }],
      },
    },
  },
  openStepNotAsked: {
    changes: [
      {
        file: 'lib/worker/decide.ts',
        find: '(openStep || error instanceof AmbiguousError)',
        replace: 'error instanceof AmbiguousError',
      },
    ],
    breaks: /^no bystanders: .*invitation took effect/,
    by: {
      plan: {
        queue: 'testflight',
        jobs: [...jobs, { kind: 'good', at: 5 * MINUTE_MS, group: 1, retries: 0 }],
        calls: [{ kind: 'apple.invite', nth: 1, fault: 'lost' }],
        outages: [
          { target: 'apple', from: 1_500, until: 3 * MINUTE_MS, fault: 'refused' },
          { target: 'apple', from: 10 * MINUTE_MS, until: 20 * MINUTE_MS, fault: 'refused' },
        ],
      },
    },
  },
  spentAttemptsParkedUntried: {
    changes: ATTEMPTS_AT_CLAIM,
    breaks: /^no bystanders: .*it was parked without the run that failed/,
    by: { plan: { seed: 2, ...emails, calls: refused(6), waits: { at: 5 * MINUTE_MS, from: [60, 900], to: [60] } } },
  },
  retriesOfOperatorsForgotten: {
    changes: [
      {
        file: 'lib/jobs/transitions.ts',
        find: 'generation: row.generation + 1, dueSince: entry.at }',
        replace: 'generation: row.generation + 1 }',
      },
    ],
    breaks: /^everything explained: TimeToFinish says/,
    by: {
      plan: {
        ...emails,
        seed: 2,
        // The operator cancels the held job. After the retry its first attempt fails, so it ends a minute later.
        calls: [
          { kind: 'sendgrid.send', nth: 1, fault: 'retry-after' },
          ...[2, 3, 4].map((nth): CallFault => ({ kind: 'sendgrid.send', nth, fault: 'refused' })),
        ],
        commands: [
          { job: 0, what: 'cancel', at: 30_000 },
          { job: 0, what: 'retry', at: 60 * MINUTE_MS },
        ],
      },
    },
  },
} satisfies Record<string, SourceMutant>;
