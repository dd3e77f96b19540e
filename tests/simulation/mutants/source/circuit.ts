import type { SourceMutant } from '../source-mutant';

const CIRCUIT = 'lib/worker/circuit.ts';
const GATE = 'lib/worker/circuit.ts';
const RELEASE = 'lib/reconcile/release.ts';

const SECOND_MS = 1_000;

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
  trialWithoutLease: {
    changes: [
      {
        file: CIRCUIT,
        find: 'retryAt <= now && (trial === undefined || trial.until <= now)',
        replace: 'retryAt <= now && trial !== null',
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
