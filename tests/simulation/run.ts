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

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** How long after the last trouble everything has ended. See docs of the bound in invariants. */
export const REST_WITHIN_MS = 12 * HOUR_MS;

/** A run that takes longer goes round in circles. */
const MOST_ENTRIES = 150_000;

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
  let seenAt = plan.start;
  await kernel.run(() => {
    if (watch.violation()) return true;
    if (trace.entries.length > MOST_ENTRIES) {
      watch.violated(`liveness: no end after ${MOST_ENTRIES} entries`);
      return true;
    }
    const bound = boundOf(world);
    const quiet = kernel.now() > world.lastTrouble() + bound;
    if (world.processes.size > 0) return false;
    // Messages expire without a sound, so after a while it is worth looking even if nothing has changed.
    if (watch.changes() === seen && kernel.now() < seenAt + MINUTE_MS) return false;
    if (world.pending.size > 0 && !quiet) return false;
    seen = watch.changes();
    seenAt = kernel.now();
    const left = unrest(world);
    if (quiet && left.length > 0 && kernel.now() > lastExpiry(world) + bound)
      watch.violated(`liveness: ${bound / HOUR_MS} hours without a fault, and ${left.join('; ')}`);
    return world.pending.size === 0 && left.length === 0;
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

/** Of a message that is gone, only the end of its queue's retention tells. */
const boundOf = ({ plan }: World): number =>
  REST_WITHIN_MS + (plan.retention === undefined ? 0 : plan.retention * 1000 + 2 * HOUR_MS);

/** When a DLQ entry was last due to expire: the reconciler has to learn of it like of any other trouble. */
function lastExpiry({ watch, settings, kernel }: World): number {
  const expiries = watch.rows().map(({ parkedAt = 0 }) => parkedAt + settings.dlqRetention * 1000);
  return Math.max(0, ...expiries.filter((at) => at <= kernel.now()));
}

/** Until the last window is over, faults may still come. */
function noteWindows({ plan, trouble }: World): void {
  const ends = [...plan.outages, ...(plan.broken ? [plan.broken] : []), ...(plan.unpolled ? [plan.unpolled] : [])];
  for (const { until } of ends) trouble(plan.start + until);
  trouble(plan.start + plan.deployAt);
}
