import { createEventSourceMapping } from '../../lib/local/event-source-mapping';
import { startCallers } from './callers';
import { createFunctions } from './functions';
import { brokenPromise } from './invariants';
import type { Mutant } from './mutants';
import { startOperators } from './operators';
import type { Plan } from './plan';
import { unrest } from './rest';
import { startSchedule } from './schedule';
import { timeline } from './trace';
import { createWorld, mainQueue, type World } from './world';

const HOUR_MS = 3_600_000;

/** How long after the last trouble everything has ended. See docs of the bound in invariants. */
export const REST_WITHIN_MS = 12 * HOUR_MS;

export interface Outcome {
  /** The promise that was broken, if one was. */
  violation: string | undefined;
  world: World;
  /** The run to read; only where it was run with `detailed`. */
  timeline(): string;
}

/** Runs a plan to its rest, and holds it to the promises. */
export async function runPlan(
  plan: Plan,
  options: { detailed?: boolean; mutant?: Mutant | undefined } = {},
): Promise<Outcome> {
  const world = createWorld(plan, options);
  const { kernel, watch, sqs, trace } = world;
  await world.queue.prepare?.(world);
  const functions = createFunctions(world);
  noteWindows(world);
  startMapping(world, functions);
  startSchedule(world, functions);
  startOperators(world);
  const inputs = startCallers(world);

  let seen = -1;
  await kernel.run(() => {
    if (watch.violation()) return true;
    if (world.pending.size === 0 && kernel.now() > world.lastTrouble() + REST_WITHIN_MS) {
      watch.violated(`liveness: after ${REST_WITHIN_MS / HOUR_MS} hours without a fault, ${unrest(world).join('; ')}`);
      return true;
    }
    if (world.processes.size > 0 || world.pending.size > 0 || watch.changes() === seen) return false;
    seen = watch.changes();
    return unrest(world).length === 0;
  });
  if (!watch.violation()) {
    const left = unrest(world);
    if (left.length > 0) watch.violated(`liveness: nothing will happen any more, but ${left.join('; ')}`);
  }
  return {
    violation: watch.violation() ?? brokenPromise(world, inputs),
    world,
    timeline: () => timeline({ entries: trace.entries }, plan.start),
  };

  function startMapping({ settings, reach, trouble }: World, { worker }: ReturnType<typeof createFunctions>): void {
    let deletes = 0;
    const mapping = createEventSourceMapping({
      sqs,
      queue: mainQueue(world),
      batchSize: plan.batch,
      functionTimeoutMs: world.queue.functionTimeoutMs,
      maximumConcurrency: plan.concurrency,
      partialResponses: true,
      invoke: worker,
      timers: kernel,
      lose: () => {
        if (!plan.lostDeletes.includes(++deletes)) return false;
        trouble();
        reach('lost delete');
        return true;
      },
      onEvent: (event) => trace.add({ who: 'mapping', what: event.kind, detail: () => JSON.stringify(event) }),
    });
    mapping.start();
    const { unpolled } = plan;
    if (!unpolled) return;
    kernel.setTimeout(() => void mapping.stop(), unpolled.from);
    kernel.setTimeout(() => mapping.start(), unpolled.until);
    void settings;
  }
}

/** Until the last window is over, faults may still come. */
function noteWindows({ plan, trouble }: World): void {
  const ends = [...plan.outages, ...(plan.broken ? [plan.broken] : []), ...(plan.unpolled ? [plan.unpolled] : [])];
  for (const { until } of ends) trouble(plan.start + until);
  trouble(plan.start + plan.deployAt);
}
