import { jobs } from '../draw/build';
import { type PartThread, startPartThread } from '../draw/parts';
import { aPlan, type JobSpec, type Plan } from '../draw/plan';
import { explain } from '../draw/property';
import { runPlan } from '../runs/run';
import { faultsOf } from '../world/faults';
import type { World } from '../world/types';

export const insistent = (...kinds: Parameters<typeof jobs>): JobSpec[] =>
  jobs(...kinds).map((job) => ({ ...job, retries: 2 }));

/** The plan with one more fault: every fault at every call, each in a plan of its own. */
async function withEveryFault(plan: Plan): Promise<Plan[]> {
  const plans: Plan[] = [];
  /** By process: its last call, and how many have no answer yet. */
  const made = new Map<string, { what: string; open: number; answeredAt?: number }>();
  let nth = 0;
  const prepare = (world: World) => {
    const { call, kernel } = world;
    world.call = (given) => {
      const { process, target, method } = given;
      if (!process.alive) return call(given);
      const answer = call(given);
      nth += 1;
      const what = `${target}.${method}`;
      const last = made.get(process.name);
      const before = last && { ...last, justAnswered: last.open === 0 && last.answeredAt === kernel.now() };
      for (const fault of faultsOf(what, target, before)) plans.push({ ...plan, calls: [{ nth, fault }] });
      const now = last ?? { what, open: 0 };
      made.set(process.name, Object.assign(now, { what, open: now.open + 1 }));
      const answered = () => Object.assign(now, { open: now.open - 1, answeredAt: kernel.now() });
      answer.then(answered, answered);
      return answer;
    };
  };
  await runPlan(plan, { prepare });
  return plans;
}

/** Declares a test of each run. `mostCalls` cuts a long run after its interesting part. */
export function testEveryFault(runs: Record<string, Partial<Plan> & { mostCalls?: number }>): void {
  let thread: PartThread;
  beforeAll(async () => {
    thread = await startPartThread();
  });
  afterAll(() => thread.stop());

  test.each(Object.entries(runs))(
    '%s: every promise is kept under any single fault',
    async (_name, { mostCalls = Number.POSITIVE_INFINITY, ...changes }) => {
      const plan = aPlan(changes);
      const plans = await withEveryFault(plan);
      expect(plans.length).toBeGreaterThan(100);

      const { failure } = await thread.run({ plans: plans.filter(({ calls }) => (calls[0]?.nth ?? 0) <= mostCalls) });

      if (failure) throw new Error(explain(failure));
    },
  );
}
