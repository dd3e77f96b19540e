import { bodyKey } from '../../../lib/engine/jobs/keys';
import { createEventSourceMapping } from '../../../packages/local/event-source-mapping';
import type { Plan } from '../draw/plan';
import { erasedAreGone } from '../promises/erased-are-gone';
import { watchFacts } from '../promises/facts-are-sent';
import { watchCounts, watchFigures, watchGauges } from '../promises/figures';
import { watchGuard } from '../promises/guard-is-just';
import { watchCircuits, watchHolds, watchPauses } from '../promises/holds-are-deserved';
import { brokenPromise } from '../promises/invariants';
import { createLiveness } from '../promises/liveness';
import { watchReturns } from '../promises/order-is-kept';
import { watchPlans } from '../promises/plans-are-kept';
import { watchOpenings, watchRefusals } from '../promises/refusals-are-counted';
import { watchEntries, watchRows, watchStarts } from '../promises/rows-are-explained';
import { later } from '../world/acts';
import { startCallers } from '../world/callers';
import { watchCampaigns } from '../world/campaigns';
import { startDamages } from '../world/damage';
import { ROLLING_MS } from '../world/deployments';
import { startEvidence } from '../world/evidence';
import { createFunctions, type Functions } from '../world/functions';
import { deadLetterQueue, mainQueue, serviceQueue } from '../world/names';
import {
  startCommands,
  startControls,
  startErasures,
  startLimits,
  startRedrives,
  startResends,
  startResolutions,
  startTries,
} from '../world/operators';
import { startSchedule } from '../world/schedule';
import { startStrangers } from '../world/strangers';
import { timeline } from '../world/trace';
import type { World } from '../world/types';
import { createWorld } from '../world/world';

/** What looks at a whole run, and what acts on or looks at each of its queues. */
const ONCE: readonly ((world: World) => void)[] = [
  ...[watchRows, watchPlans, watchCircuits, watchPauses, watchStarts, watchEntries, watchGauges],
  ...[watchFacts, watchOpenings, watchRefusals],
];
const OF_EACH_QUEUE: readonly ((lane: World) => void)[] = [
  ...[startRedrives, startResends, startResolutions, startControls, startCommands, startDamages, startStrangers],
  ...[watchCampaigns, watchGuard, watchFigures, watchCounts, watchHolds, watchReturns],
];

/** Runs a plan until it is at rest, and checks the promises. */
export async function runPlan(plan: Plan, options: { detailed?: boolean; prepare?: (world: World) => void } = {}) {
  const world = createWorld(plan, options);
  const { kernel, watch, sqs, trace, lanes } = world;
  options.prepare?.(world);
  const functions = createFunctions(world);
  noteWindows(world);
  for (const lane of lanes) {
    await lane.queue.prepare?.(lane);
    startMapping(lane, functions);
  }
  startSchedule(world, functions);
  for (const begin of ONCE) begin(world);
  const inputs = lanes.map((lane) => {
    for (const begin of OF_EACH_QUEUE) begin(lane);
    return startCallers(lane);
  });
  for (const start of [startLimits, startTries, startErasures, startEvidence]) start(world);
  if (plan.emptied !== undefined) kernel.setTimeout(() => void deleteBodies(world), plan.emptied);

  const liveness = createLiveness(world);
  await kernel.run(liveness.isOver);
  liveness.end();
  return {
    violation: watch.violation() ?? (await brokenPromise(world, inputs)) ?? (await erasedAreGone(world)),
    /** The world of the first queue. */
    world,
    /** The run as text. Only complete with the option `detailed`. */
    timeline: () => timeline({ entries: trace.entries }, plan.start),
  };

  function startMapping(lane: World, { worker }: Functions): void {
    const { plan, reach, trouble } = lane;
    let deletes = 0;
    const mapping = createEventSourceMapping({
      sqs,
      queue: mainQueue(lane),
      batchSize: plan.batch,
      maximumConcurrency: plan.concurrency,
      invoke: (event) => worker(lane, event),
      timers: kernel,
      lose: (messageId) => {
        deletes += 1;
        for (const { after } of plan.redeliveries.filter(({ nth }) => nth === deletes))
          deliverAgain(lane, messageId, after);
        if (!plan.lostDeletes.includes(deletes)) return false;
        trouble();
        reach('lost delete');
        return true;
      },
      onEvent: (event) => trace.add({ who: 'mapping', what: event.kind, detail: () => JSON.stringify(event) }),
    });
    mapping.start();
    const { unpolled, latency } = plan;
    const pause = ({ from, until }: { from: number; until: number }) => {
      kernel.setTimeout(() => void mapping.stop(), from);
      kernel.setTimeout(() => mapping.start(), until);
    };
    if (unpolled) pause(unpolled);
    for (let from = latency?.from ?? 0; latency && from < latency.until; from += latency.every)
      pause({ from, until: from + latency.every - POLLS_MS });
  }
}

/**
 * SQS keeps a copy of a message that is about to be deleted, and delivers it later. If the delete was lost or refused,
 * the message is still in the queue, or SQS has moved it to the DLQ.
 */
function deliverAgain(lane: World, messageId: string, afterMs: number): void {
  const { sqs, reach } = lane;
  const find = (queue: string) => sqs.messages(queue).find((one) => one.messageId === messageId);
  const copy = find(mainQueue(lane));
  if (!copy) return;
  later(lane, afterMs, () => {
    if (find(mainQueue(lane)) ?? find(deadLetterQueue(lane))) return;
    reach('delivery after a delete');
    sqs.redeliver(mainQueue(lane), copy);
  });
}

/** With latency, Lambda polls for this long at a time. */
const POLLS_MS = 2_000;

async function deleteBodies({ stores: { objects }, lanes, trouble, reach }: World): Promise<void> {
  trouble();
  for (const lane of lanes)
    for (const key of await objects.list(bodyKey('jobs', serviceQueue(lane), ''))) {
      reach('kept body deleted by a person');
      await objects.delete(key);
    }
}

/** Faults can come until the last window ends. */
function noteWindows({ plan, trouble, reach }: World): void {
  if (plan.indexLag !== undefined) reach('indexes that lag');
  if (plan.approximate) reach('approximate queues');
  if (plan.turns) reach('groups by turns');
  if (plan.share !== undefined) reach('reconciler with a small share');
  if (plan.waits) reach('waits that change');
  if (plan.changes) reach('settings that change');
  if (plan.skew) {
    reach(`clocks ${plan.skew / 1000} s apart`);
    // A process whose clock is ahead takes a job from a run that is still at work, so a step can become unknown.
    reach('doubt');
  }
  if (plan.latency) reach('messages that arrive late');
  const ends = [...plan.outages, ...(plan.broken ? [plan.broken] : []), ...(plan.unpolled ? [plan.unpolled] : [])];
  if (plan.latency) trouble(plan.start + plan.latency.until + plan.latency.every);
  for (const { until } of ends) trouble(plan.start + until);
  trouble(plan.start + plan.deployAt);
  for (const change of [plan.waits, plan.changes]) if (change) trouble(plan.start + change.at + ROLLING_MS);
}
