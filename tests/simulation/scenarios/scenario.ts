import type { JobRow } from '../../../lib/jobs/row';
import { aPlan, type Plan } from '../draw/plan';
import { explain } from '../draw/property';
import { runPlan } from '../runs/run';
import { serviceQueue } from '../world/names';

/** Runs a plan in which every promise must hold. Throws with the timeline if one is broken. */
export async function scenario(changes: Partial<Plan>) {
  const plan = aPlan(changes);
  const { violation, world, inputs } = await runPlan(plan);
  if (violation) {
    const { timeline } = await runPlan(plan, { detailed: true });
    throw new Error(explain({ violation, plan, timeline: timeline() }));
  }
  const row = (index: number): JobRow => {
    const id = inputs.find((input) => input.index === index)?.id;
    const found = world.watch.row(`${serviceQueue(world)}#${id}`);
    if (!found) throw new Error(`job ${index} has no row`);
    return found;
  };
  return {
    world,
    row,
    /** States of all jobs, in the order of the plan, e.g. `dead (error)`. */
    states: () =>
      plan.jobs.map((_job, index) => {
        const { state, reason } = row(index);
        return reason === undefined ? state : `${state} (${reason})`;
      }),
    /** How often a fault, state or effect was reached, e.g. `effect mail`, `fault lost at table.put`. */
    reached: (what: string) => world.reached.get(what) ?? 0,
  };
}
