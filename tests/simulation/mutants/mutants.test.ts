import { HOUR_MS, jobs, load, MINUTE_MS } from '../scenarios/scenario';
import { describeMutants } from './mutant-cases';
import * as mutants from './mutants';

describeMutants(mutants, {
  jobIdAsDeduplicationId: {
    plan: { jobs: jobs('refused'), redrives: [{ nth: 1, after: MINUTE_MS, how: 'command' }] },
    breaks: /^nothing lost: .* was redriven, but never ran/,
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
