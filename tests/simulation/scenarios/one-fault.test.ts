import { jobs, MINUTE_MS } from '../draw/build';
import { type PartThread, startPartThread } from '../draw/parts';
import { aPlan, type JobSpec, type Plan } from '../draw/plan';
import { explain } from '../draw/property';
import { runPlan } from '../runs/run';
import { faultsOf, TARGETS } from '../world/faults';
import { MARK } from '../world/watch';

const insistent = (...kinds: Parameters<typeof jobs>): JobSpec[] =>
  jobs(...kinds).map((job) => ({ ...job, retries: 2 }));

/** Runs that together make every kind of call. `mostCalls` cuts a long run after its interesting part. */
const RUNS: Record<string, Partial<Plan> & { mostCalls?: number }> = {
  'feedback with an attachment': { jobs: insistent('attachment') },
  'a planned job, and one that its caller cancels': {
    jobs: insistent(['good', { planned: { ahead: 90_000 } }], ['good', { planned: { ahead: 90_000, cancel: 10_000 } }]),
    mostCalls: 40,
  },
  'a refused feedback job, and one after it': { jobs: insistent('refused', 'good') },
  'a batch with a job that kills its process': {
    queue: 'bulk',
    batch: 10,
    jobs: insistent('good', ['kills-after', { group: 1 }], ['good', { group: 2 }]),
  },
  'a batch with a body that kills its process': {
    queue: 'bulk-standard',
    batch: 10,
    jobs: insistent('good', 'kills-before', 'falters'),
    mostCalls: 60,
  },
  // The promise about the erased makes the next erasure.
  'an erasure, beside another person': {
    jobs: jobs('refused', ['good', { group: 1 }]),
    erasures: [{ at: MINUTE_MS, person: { email: `${MARK}-0@example.com`, user: `${MARK}-user-0` } }],
    mostCalls: 65,
  },
  'two mails': { queue: 'emails', jobs: insistent('good', 'good') },
  // Its last chunk is sent by the 131st call. After that the reconciler looks for more.
  'a campaign with a refused recipient': { queue: 'campaigns', jobs: insistent('one-refused'), mostCalls: 135 },
  'an invitation, a repeated invitation, mail about a build, and a removal': {
    queue: 'testflight',
    jobs: insistent('good', 'resend', 'build', 'removal'),
  },
  'events, with a batch that kills its process and an invalid one': {
    queue: 'analytics',
    batch: 10,
    jobs: insistent('good', ['kills-after', { group: 1 }], ['bad-data', { group: 2 }]),
  },
};

/** The plan with one more fault: every fault at every call, each in a plan of its own. */
async function withEveryFault(plan: Plan): Promise<Plan[]> {
  const { world } = await runPlan(plan);
  const last = new Map<string, string>();
  let nth = 0;
  return world.trace.entries.flatMap(({ who, what }) => {
    const target = TARGETS.find((name) => what.startsWith(`${name}.`));
    if (!target) return [];
    nth += 1;
    const before = last.get(who);
    last.set(who, what);
    return faultsOf(what, target, before).map((fault) => ({ ...plan, calls: [{ nth, fault }] }));
  });
}

let thread: PartThread;
beforeAll(async () => {
  thread = await startPartThread();
});
afterAll(() => thread.stop());

test.each(Object.entries(RUNS))(
  '%s: every promise is kept under any single fault',
  async (_name, { mostCalls = Number.POSITIVE_INFINITY, ...changes }) => {
    const plan = aPlan(changes);
    const plans = await withEveryFault(plan);
    expect(plans.length).toBeGreaterThan(100);

    const { failure } = await thread.run({ plans: plans.filter(({ calls }) => (calls[0]?.nth ?? 0) <= mostCalls) });

    if (failure) throw new Error(explain(failure));
  },
);
