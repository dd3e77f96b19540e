import type { Mutant } from './mutants';
import * as mutants from './mutants';
import { aPlan, type JobKind, type Plan } from './plan';
import { runPlan } from './run';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

interface Case {
  mutant: Mutant;
  plan: Partial<Plan>;
  /** What the run of the right code needs at most after its last fault. */
  restWithinMs?: number;
  /** The promise that the mutant breaks. */
  breaks: RegExp;
}

const jobs = (...specs: [JobKind, { at?: number; group?: number }?][]): Plan['jobs'] =>
  specs.map(([kind, { at = 0, group = 0 } = {}]) => ({ kind, at, group, retries: 0 }));

const CASES: Record<keyof typeof mutants, Case> = {
  ledgerOff: {
    mutant: mutants.ledgerOff,
    plan: { starts: [{ nth: 1, fault: 'unanswered', ms: 0 }] },
    breaks: /^nothing twice: 2 × mail/,
  },
  noLease: {
    mutant: mutants.noLease,
    // The second one begins while the first one waits for SendGrid.
    plan: { starts: [{ nth: 1, fault: 'twice', ms: 450 }] },
    breaks: /^nothing twice: confirmation of .* is unknown/,
  },
  longLease: {
    mutant: mutants.longLease,
    plan: { calls: [{ kind: 'zendesk.createTicket', nth: 1, fault: 'killed-after' }] },
    restWithinMs: 10 * MINUTE_MS,
    breaks: /^liveness/,
  },
  parkWithoutAcknowledge: {
    mutant: mutants.parkWithoutAcknowledge,
    plan: { jobs: jobs(['refused'], ['good']) },
    restWithinMs: MINUTE_MS,
    breaks: /^liveness/,
  },
  jobIdAsDeduplicationId: {
    mutant: mutants.jobIdAsDeduplicationId,
    plan: { jobs: jobs(['refused']), redrives: [{ nth: 1, after: MINUTE_MS, how: 'command' }] },
    breaks: /^nothing lost: .* was redriven, and never came/,
  },
  retryOfAmbiguousSend: {
    mutant: mutants.retryOfAmbiguousSend,
    plan: { calls: [{ kind: 'sendgrid.send', nth: 1, fault: 'lost' }] },
    breaks: /^nothing twice: 2 × mail/,
  },
  visibilityOfWrongMessage: {
    mutant: mutants.visibilityOfWrongMessage,
    // A minute's wait instead of the queue's own three.
    plan: {
      queue: 'bulk',
      batch: 10,
      unpolled: { from: 0, until: 1_000 },
      jobs: jobs(['good', { group: 0 }], ['falters', { at: 100, group: 1 }]),
    },
    restWithinMs: 2 * MINUTE_MS,
    breaks: /^liveness/,
  },
  stopAtFirstFailure: {
    mutant: mutants.stopAtFirstFailure,
    // The first one waits a minute; the second has nothing to do with it.
    plan: {
      queue: 'bulk',
      batch: 10,
      unpolled: { from: 0, until: 1_000 },
      jobs: jobs(['falters', { group: 0 }], ['good', { at: 100, group: 1 }]),
    },
    restWithinMs: 2 * MINUTE_MS,
    breaks: /^liveness/,
  },
  recordBeforeOutcome: {
    mutant: mutants.recordBeforeOutcome,
    plan: {},
    breaks: /^nothing lost: a record says succeeded/,
  },
  lastFirst: {
    mutant: mutants.lastFirst,
    plan: {
      queue: 'bulk',
      batch: 10,
      unpolled: { from: 0, until: 1_000 },
      jobs: jobs(['good'], ['good', { at: 100 }]),
    },
    breaks: /^order kept/,
  },
  neverAcknowledge: {
    mutant: mutants.neverAcknowledge,
    plan: { queue: 'bulk', batch: 10 },
    breaks: /^no bystanders: with failures alone/,
  },
  vendorsWords: {
    mutant: mutants.vendorsWords,
    plan: { queue: 'emails', outages: [{ target: 'sendgrid', from: 0, until: HOUR_MS, fault: 'refused' }] },
    breaks: /^everything private stays in/,
  },
};

describe.each(Object.entries(CASES))('%s', (_name, { mutant, plan, restWithinMs, breaks }) => {
  const options = restWithinMs === undefined ? {} : { restWithinMs };

  test('the code as it is keeps every promise', async () => {
    const { violation } = await runPlan(aPlan(plan), options);

    expect(violation).toBeUndefined();
  });

  test('the mutant is caught', async () => {
    const { violation } = await runPlan(aPlan(plan), { ...options, mutant });

    expect(violation).toMatch(breaks);
  });
});
