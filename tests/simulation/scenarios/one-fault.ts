import { jobs, MINUTE_MS } from '../draw/build';
import { PAIRS, withEveryFault } from '../draw/pairs';
import { type PartThread, startPartThread } from '../draw/parts';
import { aPlan, type JobSpec, type Plan } from '../draw/plan';
import { explain } from '../draw/property';
import { MARK } from '../world/watch';

const insistent = (...kinds: Parameters<typeof jobs>): JobSpec[] =>
  jobs(...kinds).map((job) => ({ ...job, retries: 2 }));

type Runs = Record<string, Partial<Plan> & { mostCalls?: number }>;

/** Runs that together make every kind of call. `mostCalls` cuts a long run after its interesting part. */
export const RUNS: Runs = {
  'feedback with an attachment': { jobs: insistent('attachment') },
  'a planned job, and one that its caller cancels': {
    jobs: insistent(['good', { planned: { ahead: 90_000 } }], ['good', { planned: { ahead: 90_000, cancel: 10_000 } }]),
    mostCalls: 40,
  },
  'a refused feedback job, and one after it': { jobs: insistent('refused', 'good') },
  // The promise about the erased makes the next erasure.
  'an erasure, beside another person': {
    jobs: jobs('refused', ['good', { group: 1 }]),
    erasures: [{ at: MINUTE_MS, person: { email: `${MARK}-0@example.com`, user: `${MARK}-user-0` } }],
    mostCalls: 65,
  },
  'two mails': { queue: 'emails', jobs: insistent('good', 'good') },
  // Its last chunk is sent by the 131st call. After that the reconciler looks for more.
  'a campaign with a refused recipient': { queue: 'campaigns', jobs: insistent('one-refused'), mostCalls: 135 },
  // Its chunks have gone by the 110th call. The fold of the notes comes before them.
  'a campaign, and people who leave and come back': {
    queue: 'campaigns',
    jobs: insistent('good'),
    controls: [30_001, 30_003, 30_005].map((at) => ({ at, what: 'suppress', campaign: 0 })),
    mostCalls: 110,
  },
  'an invitation, a repeated invitation, mail about a build, and a removal': {
    queue: 'testflight',
    jobs: insistent('good', 'resend', 'build', 'removal'),
  },
  'events, with a batch that kills its process and an invalid one': {
    queue: 'analytics',
    batch: 10,
    jobs: insistent('good', ['kills-after', { group: 1 }], ['bad-data', { group: 2 }]),
  },
  'events of two trackers': { queue: 'analytics', batch: 10, jobs: insistent('tracked', 'tracked') },
};

/** Declares a test of each run, with every fault at each of its calls, or with one of them: the kinds by turns. */
export function testFaults(runs: Runs, { faults }: { faults: 'every' | 'one' }): void {
  let thread: PartThread;
  beforeAll(async () => {
    thread = await startPartThread();
  });
  afterAll(() => thread.stop());

  test.each(Object.entries(runs))(
    `%s: every promise is kept under ${faults} fault at each call`,
    async (_name, { mostCalls, ...changes }) => {
      const all = await withEveryFault(aPlan(changes));
      expect(all.flat().length).toBeGreaterThan(100);
      const chosen = all.map((plans, call) => {
        const turn = call % plans.length;
        return faults === 'every' ? plans : plans.slice(turn, turn + 1);
      });

      const { failure } = await thread.run({ plans: chosen.slice(0, mostCalls).flat() });

      if (failure) throw new Error(explain(failure));
    },
  );
}

/** Declares a test of some pairs of faults of each run. `npm run simulate -- --pairs all` makes every pair. */
export function testPairs({ every }: { every: number }): void {
  let thread: PartThread;
  beforeAll(async () => {
    thread = await startPartThread();
  });
  afterAll(() => thread.stop());

  test.each(PAIRS)(`%s: every promise is kept under one of ${every} pairs of faults`, async (pairs) => {
    let ran = 0;
    const { failure } = await thread.run({ pairs, every }, { onRan: () => void ran++ });

    if (failure) throw new Error(explain(failure));
    expect(ran).toBeGreaterThan(0);
  });
}
