import { bringsKiller } from '../world/killers';
import { deadLetterQueue, mainQueue } from '../world/names';
import type { World } from '../world/world';
import { unrest } from './rest';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * How long after the last trouble everything has ended that kills nobody: what the last trouble caught waits for three
 * deliveries a quarter of an hour apart (STORE_WAIT), is moved to the DLQ and returned, singly while the reconciler
 * does not know whether the worker works, which it gives an hour each time a returned message is lost to a fault.
 */
const REST_WITHIN_MS = 3 * HOUR_MS;
/** A killer is returned twice and dies with its process three times in each place, and nobody is returned meanwhile. */
const DELIVERIES_OF_A_KILLER = 9;

/** A run that takes longer goes round in circles. */
const MOST_ENTRIES = 150_000;

/** Tells when a run is over, and finds it broken where it does not come to rest in time. */
export function createLiveness(world: World, boundMs = Math.max(...world.lanes.map(boundOf))) {
  const { watch, kernel, trace, pending, processes, plan, lanes } = world;
  let seen = '';
  let lastChange = plan.start;

  const dueBy = () => Math.max(world.lastTrouble(), ...lanes.map(lastExpiry)) + boundMs;
  const minutes = Math.round(boundMs / MINUTE_MS);

  return {
    /** Whether the run is over; to be asked after each event. */
    isOver(): boolean {
      if (watch.violation()) return true;
      if (trace.entries.length > MOST_ENTRIES) {
        watch.violated(`liveness: no end after ${MOST_ENTRIES} entries`);
        return true;
      }
      if (processes.size > 0) return false;
      const now = kernel.now();
      const quiet = now > world.lastTrouble() + boundMs;
      if (pending.size > 0 && !quiet) return false;
      // Messages expire without a sound: they have to be counted.
      const state = `${watch.changes()} ${lanes.map(messagesLeft).join()} ${pending.size}`;
      if (state === seen) return false;
      lastChange = now;
      seen = state;
      const left = lanes.flatMap(unrest);
      if (left.length > 0 && now > dueBy())
        watch.violated(`liveness: ${minutes} minutes without trouble, and ${left.join('; ')}`);
      return pending.size === 0 && left.length === 0;
    },

    /** What is left to be said when nothing can happen any more. */
    end(): void {
      const left = lanes.flatMap(unrest);
      if (left.length > 0) watch.violated(`liveness: nothing will happen any more, but ${left.join('; ')}`);
      if (lastChange > dueBy())
        watch.violated(
          `liveness: it came to rest ${Math.round((lastChange - dueBy() + boundMs) / MINUTE_MS)} minutes after the last trouble, not within ${minutes}`,
        );
    },
  };
}

const messagesLeft = (world: World): number =>
  world.sqs.messages(mainQueue(world)).length + world.sqs.messages(deadLetterQueue(world)).length;

function boundOf({ plan, settings }: World): number {
  const killers = plan.jobs.filter(({ kind }) => bringsKiller(kind));
  // Each copy of its message, and each redrive, has to be found out again.
  const sources = plan.jobs.filter((job) => killers.includes(job) || job.kind === 'copy');
  const repeats = sources.filter(({ again }) => again !== undefined);
  const copies =
    killers.length === 0 ? 0 : sources.length + repeats.length + plan.redrives.length + plan.commands.length;
  const found = copies * DELIVERIES_OF_A_KILLER * settings.visibility * 1000;
  // Of a message that is gone, only the end of its queue's retention tells.
  const expired = plan.retention === undefined ? 0 : plan.retention * 1000 + 2 * HOUR_MS;
  return REST_WITHIN_MS + found + expired;
}

/** When a DLQ entry was last due to expire: the reconciler has to learn of it like of any other trouble. */
function lastExpiry({ watch, settings, kernel }: World): number {
  const expiries = watch.rows().map(({ parkedAt = 0 }) => parkedAt + settings.dlqRetention * 1000);
  return Math.max(0, ...expiries.filter((at) => at <= kernel.now()));
}
