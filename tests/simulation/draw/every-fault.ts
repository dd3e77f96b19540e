import { runPlan } from '../runs/run';
import { faultsOf, TARGETS } from '../world/faults';
import { aPlan, type Plan } from './plan';

/** The smallest run of a queue: one job that succeeds. */
export const smallestPlan = (queue: string): Plan => aPlan({ queue, concurrency: 2 });

/** The plan with one more fault: every fault at every call after the `after`th, each in a plan of its own. */
export async function withEveryFault(plan: Plan, after = 0): Promise<Plan[]> {
  const { world } = await runPlan(plan);
  const calls = world.trace.entries.flatMap(({ what }) => {
    const target = TARGETS.find((name) => what.startsWith(`${name}.`));
    return target ? [{ what, target }] : [];
  });
  return calls
    .slice(after)
    .flatMap(({ what, target }, index) =>
      faultsOf(what, target).map((fault) => ({ ...plan, calls: [...plan.calls, { nth: after + index + 1, fault }] })),
    );
}
