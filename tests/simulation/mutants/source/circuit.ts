import type { Plan } from '../../draw/plan';
import type { SourceMutant } from '../source-mutant';

const CIRCUIT = 'lib/worker/circuit.ts';
const GATE = 'lib/worker/circuit.ts';
const RELEASE = 'lib/reconcile/release.ts';

const SECOND_MS = 1_000;

/** An operator pauses Zendesk while jobs come. */
const PAUSED: Partial<Plan> = {
  concurrency: 2,
  limits: [{ vendor: 'zendesk', at: 20 * SECOND_MS, lasts: 120 * SECOND_MS, ends: 'by resume' }],
  jobs: [0, 19.9, 40].map((second, group) => ({ kind: 'good', at: second * SECOND_MS, group, retries: 0 })),
};

export const CIRCUIT_MUTANTS: Record<string, SourceMutant> = {
  closedForever: {
    changes: [{ file: CIRCUIT, find: 'Math.abs(readAt - before.readAt) < KEPT_MS', replace: 'readAt !== 0' }],
    breaks: /^open circuits refuse/,
    by: {
      plan: {
        queue: 'feedback',
        concurrency: 2,
        warm: true,
        outages: [{ target: 'zendesk', from: 20 * SECOND_MS, until: 90 * SECOND_MS, fault: 'unauthorized' }],
        jobs: [0, 0, 21, 30, 30].map((second, group) => ({ kind: 'good', at: second * SECOND_MS, group, retries: 0 })),
      },
    },
  },
  pauseIgnored: {
    changes: [
      {
        file: GATE,
        find: 'limitsOf(circuit, clock.now()).paused)',
        replace: "limitsOf(circuit, 0).paused?.by === '')",
      },
    ],
    breaks: /^paused vendors refuse/,
    by: { plan: PAUSED },
  },
  pauseForgotten: {
    changes: [{ file: CIRCUIT, find: 'closed(vendor), paused,', replace: 'closed(vendor),' }],
    breaks: /^paused vendors refuse/,
    // The call of the second job lasts until after the pause, and closes the circuit that counts a failure.
    by: {
      plan: {
        ...PAUSED,
        seed: 2,
        calls: [
          { kind: 'zendesk.createTicket', nth: 1, fault: 'failed', times: 3 },
          { kind: 'zendesk.createTicket', nth: 4, fault: 'slow' },
        ],
      },
    },
  },
  trialWithoutLease: {
    changes: [
      {
        file: CIRCUIT,
        find: '(circuit.trial?.until ?? 0) <= now',
        replace: 'circuit.trial !== null',
      },
    ],
    breaks: /^one trial/,
    by: { scale: 'trial-of-waiting' },
  },
  fieldCounted: {
    changes: [{ file: GATE, find: ' && error.field === undefined', replace: '' }],
    breaks: /^no bystanders/,
    by: { scale: 'others-go-on' },
  },
  jobsCounted: {
    changes: [
      {
        file: GATE,
        find: 'sender === undefined ? job : senderHash(sender)',
        replace: 'sender === "" ? senderHash(sender) : job',
      },
    ],
    breaks: /^no bystanders/,
    by: { scale: 'others-go-on' },
  },
  oldestTried: {
    changes: [
      {
        file: RELEASE,
        find: '((circuit.failedTrials ?? 0) + waited) % 2 === 0',
        replace: 'circuit.failedTrials === -1',
      },
    ],
    breaks: /^liveness/,
    by: { scale: 'innocent-among-guilty' },
  },
};
