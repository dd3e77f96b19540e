import { HOUR_MS, jobs, load, MINUTE_MS } from '../scenarios/scenario';
import { describeMutants } from './mutant-cases';
import * as mutants from './mutants';

describeMutants(mutants, {
  ledgerOff: {
    plan: { starts: [{ nth: 1, fault: 'unanswered', ms: 0 }] },
    breaks: /^everything explained: no arrow leads .* from succeeded/,
  },
  noLease: {
    // The second run begins while the first one waits for SendGrid.
    plan: { seed: 3, starts: [{ nth: 1, fault: 'twice', ms: 450 }] },
    breaks: /^nothing twice: confirmation of .* is unknown/,
  },
  longLease: {
    // Without a mail, whose event would be an outside input.
    plan: { queue: 'bulk', calls: [{ kind: 'bulk.apply', nth: 1, fault: 'killed-after' }] },
    restWithinMs: 10 * MINUTE_MS,
    breaks: /^liveness/,
  },
  parkWithoutAcknowledge: {
    plan: { jobs: jobs('refused', 'good') },
    restWithinMs: MINUTE_MS,
    breaks: /^liveness/,
  },
  jobIdAsDeduplicationId: {
    plan: { jobs: jobs('refused'), redrives: [{ nth: 1, after: MINUTE_MS, how: 'command' }] },
    breaks: /^nothing lost: .* was redriven, but never ran/,
  },
  retryOfAmbiguousSend: {
    // With this seed no event proves the mail before the retry.
    plan: { seed: 2, calls: [{ kind: 'sendgrid.send', nth: 1, fault: 'lost' }] },
    breaks: /^nothing twice: 2 × mail/,
  },
  visibilityOfWrongMessage: {
    // The job waits one minute instead of the queue's three.
    plan: {
      queue: 'bulk',
      batch: 10,
      unpolled: { from: 0, until: 1_000 },
      jobs: jobs('good', ['falters', { at: 100, group: 1 }]),
    },
    restWithinMs: 2 * MINUTE_MS,
    breaks: /^liveness/,
  },
  stopAtFirstFailure: {
    // The first job waits a minute. The second job is independent of it.
    plan: {
      queue: 'bulk',
      batch: 10,
      unpolled: { from: 0, until: 1_000 },
      jobs: jobs('falters', ['good', { at: 100, group: 1 }]),
    },
    restWithinMs: 2 * MINUTE_MS,
    breaks: /^liveness/,
  },
  recordBeforeOutcome: {
    plan: {},
    breaks: /^nothing lost: a record says succeeded/,
  },
  lastFirst: {
    plan: {
      queue: 'bulk',
      batch: 10,
      unpolled: { from: 0, until: 1_000 },
      jobs: jobs('good', ['good', { at: 100 }]),
    },
    breaks: /^order kept/,
  },
  neverAcknowledge: {
    plan: { queue: 'bulk', batch: 10 },
    breaks: /^no bystanders: with failures alone/,
  },
  vendorsWords: {
    plan: { queue: 'emails', outages: [{ target: 'sendgrid', from: 0, until: HOUR_MS, fault: 'refused' }] },
    breaks: /^everything private stays in/,
  },
  otherQueuesForgotten: {
    plan: {
      beside: [load('emails', 'good')],
      outages: [{ target: 'sendgrid', from: 0, until: 20 * MINUTE_MS, fault: 'unauthorized' }],
    },
    breaks: /^liveness: .* is held \(stopped\)/,
  },
});
