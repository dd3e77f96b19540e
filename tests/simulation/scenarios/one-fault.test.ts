import { CALL_FAULTS } from '../faults';
import { aPlan, type Plan } from '../plan';
import { explain } from '../property';
import { runPlan } from '../run';
import { jobs } from './scenario';

/** Runs that together make every call there is. */
const RUNS: Record<string, Partial<Plan>> = {
  'feedback with an attachment': { jobs: jobs(['attachment', { retries: 2 }]) },
  'feedback that is refused, and one behind it': { jobs: jobs(['refused', { retries: 2 }], ['good', { retries: 2 }]) },
  'a batch with a job that kills its process': {
    queue: 'bulk',
    batch: 10,
    jobs: jobs(['good', { retries: 2 }], ['kills-after', { retries: 2, group: 1 }], ['good', { retries: 2, group: 2 }]),
  },
  'a batch with a body that kills its process': {
    queue: 'bulk-standard',
    batch: 10,
    jobs: jobs(['good', { retries: 2 }], ['kills-before', { retries: 2 }], ['falters', { retries: 2 }]),
  },
};

/** Enough for the whole of the short runs and the interesting part of the long ones. */
const MOST_CALLS = 60;

describe.each(Object.entries(RUNS))('%s', (_name, changes) => {
  test.each(CALL_FAULTS)('keeps every promise whichever one call is %s', async (fault) => {
    const plan = aPlan(changes);
    const { world } = await runPlan(plan);
    const calls = world.trace.entries.filter(({ what }) =>
      /^(table|objects|queues|zendesk|sendgrid|bulk)\./.test(what),
    );

    for (let nth = 1; nth <= Math.min(calls.length, MOST_CALLS); nth++) {
      const faulty: Plan = { ...plan, calls: [{ nth, fault }] };
      const { violation } = await runPlan(faulty);
      if (violation === undefined) continue;
      const { timeline } = await runPlan(faulty, { detailed: true });
      throw new Error(explain({ violation, plan: faulty, timeline: timeline(), seed: plan.seed }));
    }

    expect(calls.length).toBeGreaterThan(10);
  });
});
