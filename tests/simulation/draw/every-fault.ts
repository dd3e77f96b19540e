import { runPlan } from '../runs/run';
import { faultsOf, TARGETS } from '../world/faults';
import type { Plan } from './plan';

/** The plan with one more fault: every fault at every call, each in a plan of its own. */
export async function withEveryFault(plan: Plan): Promise<Plan[]> {
  const { world } = await runPlan(plan);
  const calls = world.trace.entries.flatMap(({ what }) => {
    const target = TARGETS.find((name) => what.startsWith(`${name}.`));
    return target ? [{ what, target }] : [];
  });
  return calls.flatMap(({ what, target }, index) =>
    faultsOf(what, target).map((fault) => ({ ...plan, calls: [...plan.calls, { nth: index + 1, fault }] })),
  );
}
