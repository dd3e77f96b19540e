import { aPlan, type Plan } from '../../draw/plan';
import type { SourceMutant } from '../source-mutant';

const MINUTE_MS = 60_000;
const [job] = aPlan().jobs as [Plan['jobs'][number]];

/** Zendesk refuses our credentials for twenty minutes. */
const stopped = {
  outages: [{ target: 'zendesk', from: 0, until: 20 * MINUTE_MS, fault: 'unauthorized' }],
} satisfies Partial<Plan>;

/** Faults that no job, row or record shows: in the order of returns, in waits beside others, and in metrics. */
export const NEIGHBOUR_MUTANTS = {
  untriedAreReturnedLastFirst: {
    changes: [
      {
        file: 'lib/reconcile/returns.ts',
        find: '.sort((a, b) => timesReturned(a) - timesReturned(b) || a.message.sentAt - b.message.sentAt)',
        replace: '.reverse().sort((a, b) => timesReturned(a) - timesReturned(b))',
      },
    ],
    breaks: /^order kept: .* was returned after a message that came later/,
    by: {
      plan: {
        queue: 'bulk',
        batch: 10,
        jobs: [0, 10, 20].map((at) => ({ ...job, at })),
        unpolled: { from: 0, until: 1_000 },
        broken: { from: 0, until: 9.5 * MINUTE_MS },
      },
    },
  },
  failedGroupStopsTheOthers: {
    changes: [
      {
        file: 'lib/worker/batch.ts',
        find: 'const first = await Promise.all([...groups.values()].map((group) => handle(group, event.Records.length === 1)));',
        replace: `const first: Awaited<ReturnType<typeof handle>>[] = [];
          for (const group of groups.values()) {
            const failed = first.some(({ pending }) => pending.length > 0);
            first.push(failed ? { pending: group, suspectedCrash: false } : await handle(group, false));
          }`,
      },
    ],
    breaks: /^no bystanders: .* of bulk took .* ms to start beside groups with failed jobs/,
    by: {
      plan: {
        seed: 2,
        queue: 'bulk',
        batch: 10,
        concurrency: 1,
        jobs: [
          { ...job, kind: 'good' },
          { ...job, kind: 'falters', group: 1 },
          { ...job, kind: 'good', group: 2 },
        ],
      },
    },
  },
  oneFailureOpensTheCircuit: {
    changes: [
      { file: 'lib/worker/circuit.ts', find: 'const MOST_TRANSIENTS = 5;', replace: 'const MOST_TRANSIENTS = 1;' },
    ],
    breaks: /^no bystanders: .* is held \(stopped\), but zendesk failed 3 times/,
    by: {
      plan: {
        jobs: [job, { ...job, at: 10_000, group: 1 }],
        calls: [1, 2, 3].map((nth) => ({ kind: 'zendesk.createTicket', nth, fault: 'refused' })),
      },
    },
  },
  heldCountsAsDead: {
    changes: [
      {
        file: 'lib/worker/batch.ts',
        find: "|| outcome === 'dead') countEnd(metrics, queue, outcome)",
        replace: "|| outcome === 'held') countEnd(metrics, queue, outcome === 'held' ? 'dead' : outcome)",
      },
    ],
    breaks: /^everything explained: JobsDead of feedback says 1, but 0 rows say so/,
    by: { plan: stopped },
  },
  deadIsNotCounted: {
    changes: [
      {
        file: 'lib/worker/batch.ts',
        find: "outcome === 'succeeded' || outcome === 'dead'",
        replace: "outcome === 'succeeded'",
      },
    ],
    breaks: /^everything explained: feedback JobsDead says 0 in all, but 1 rows say so/,
    by: { plan: { jobs: [{ ...job, kind: 'refused' }] } },
  },
  unknownIsNotHeld: {
    changes: [
      {
        file: 'lib/reconcile/measure.ts',
        find: "[todoKey(queue, 'unknown'), ...held, todoKey(queue, 'planned')]",
        replace: 'held',
      },
    ],
    breaks: /^everything explained: OldestHeld says 0 ms, but a job is held for/,
    by: {
      plan: {
        queue: 'emails',
        jobs: [job, { ...job, at: 20 * MINUTE_MS, group: 1 }],
        calls: [{ kind: 'sendgrid.send', nth: 1, fault: 'mute' }],
        outages: [{ target: 'sendgrid', from: 20 * MINUTE_MS, until: 30 * MINUTE_MS, fault: 'unauthorized' }],
      },
    },
  },
  factIsOnlyStored: {
    changes: [{ file: 'lib/reconcile/facts.ts', find: 'sent: await published(first, true)', replace: 'sent: true' }],
    breaks: /^everything explained: the fact circuit-open#zendesk#ZendeskUnauthorized was never sent/,
    by: { plan: { ...stopped, facts: true } },
  },
} satisfies Record<string, SourceMutant>;
