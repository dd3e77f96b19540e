import { runPlan } from '../runs/run';
import { faultsOf, TARGETS } from '../world/faults';
import type { Plan } from './plan';

/** The plan with one more fault: every fault at every call, each in a plan of its own. */
export async function withEveryFault(plan: Plan): Promise<Plan[]> {
  const { world } = await runPlan(plan);
  const calls = world.trace.entries.flatMap(({ who, what }) => {
    const target = TARGETS.find((name) => what.startsWith(`${name}.`));
    return target ? [{ who, what, target }] : [];
  });
  const last = new Map<string, string>();
  return calls.flatMap(({ who, what, target }, index) => {
    const before = last.get(who);
    last.set(who, what);
    return faultsOf(what, target, before).map((fault) => ({
      ...plan,
      calls: [...plan.calls, { nth: index + 1, fault }],
    }));
  });
}
