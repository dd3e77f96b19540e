import { DAY_MS, HOUR_MS, MINUTE_MS } from '../draw/build';
import { skewOf } from '../draw/plan';
import { MOST_TRACKED } from '../queues/analytics';
import { deadLetterQueue, mainQueue } from '../world/names';
import { bringsPoison } from '../world/poison';
import type { World } from '../world/types';
import { unrest } from './rest';

/** Messages of a drawn campaign. */
const MOST_CHUNKS = 11;

/**
 * Within this time after the last fault, every job must end, unless a poison message delays it. A caught job waits for
 * three deliveries a quarter of an hour apart (STORE_WAIT). SQS then moves it to the DLQ, and the reconciler returns
 * it. While the reconciler does not know whether the worker works, it returns one message at a time. It waits an hour
 * each time a fault takes a returned message.
 */
const REST_WITHIN_MS = 3 * HOUR_MS;
/**
 * The reconciler returns a poison message twice. The message kills a process at each of its receives, at first and
 * after each return. Meanwhile no other message is returned.
 */
const TIMES_IN_QUEUE = 3;

/** A run with more trace entries makes no progress. `anHour`: so many more for each hour until the last trouble. */
const MOST_ENTRIES = { base: 150_000, anHour: 10_000 };
/** Neither does a run with more events, for example one in which Lambda polls a queue for ever. */
const MOST_EVENTS = { base: 1_000_000, anHour: 50_000 };

/** Reports when a run is over, and a violation if it does not come to rest in time. */
export function createLiveness(world: World) {
  const { watch, kernel, trace, pending, processes, plan, lanes } = world;
  const boundMs = Math.max(...lanes.map(boundOf));
  let events = 0;
  let seen = '';
  let lastChange = plan.start;

  const dueBy = () =>
    Math.max(world.lastTrouble(), ...lanes.flatMap((lane) => [lastExpiry(lane), lastStart(lane)])) + boundMs;
  const minutes = Math.round(boundMs / MINUTE_MS);
  const tooMany = ({ base, anHour }: typeof MOST_EVENTS, number: number, of: string): string | undefined => {
    if (number <= base) return undefined;
    const most = base + anHour * Math.floor((world.lastTrouble() - plan.start) / HOUR_MS);
    return number > most ? `${most} ${of}` : undefined;
  };

  return {
    isOver(): boolean {
      if (watch.violation()) return true;
      events += 1;
      const over = tooMany(MOST_ENTRIES, trace.entries.length, 'entries') ?? tooMany(MOST_EVENTS, events, 'events');
      if (over) {
        watch.violated(`liveness: the run did not end within ${over}`);
        return true;
      }
      if (processes.size > 0) return false;
      const now = kernel.now();
      const quiet = now > world.lastTrouble() + boundMs;
      if (pending.size > 0 && !quiet) return false;
      // Messages expire without an event, so they are counted.
      const state = `${watch.changes()} ${lanes.map(messagesLeft).join()} ${pending.size}`;
      if (state === seen) return false;
      lastChange = now;
      seen = state;
      const left = lanes.flatMap(unrest);
      if (left.length > 0 && now > dueBy())
        watch.violated(`liveness: ${minutes} minutes without a fault, and ${left.join('; ')}`);
      return pending.size === 0 && left.length === 0;
    },

    end(): void {
      const left = lanes.flatMap(unrest);
      if (left.length > 0) watch.violated(`liveness: no event is left, but ${left.join('; ')}`);
      if (lastChange > dueBy())
        watch.violated(
          `liveness: it came to rest ${Math.round((lastChange - dueBy() + boundMs) / MINUTE_MS)} minutes after the last fault, not within ${minutes}`,
        );
    },
  };
}

const messagesLeft = (world: World): number =>
  world.sqs.messages(mainQueue(world)).length + world.sqs.messages(deadLetterQueue(world)).length;

function boundOf({ plan, settings, queue }: World): number {
  const receives = Math.max(settings.receives, plan.changes?.to.receives ?? 0);
  const poison = plan.jobs.filter(({ kind }) => bringsPoison(kind));
  // The reconciler has to detect each copy of a poison message, and each redrive, anew.
  const sources = plan.jobs.filter((job) => poison.includes(job) || job.kind === 'copy');
  const repeats = sources.filter(({ again }) => again !== undefined);
  const { redrives, redeliveries, commands } = plan;
  // A return whose answer is lost is sent again for a newer version of its row, so SQS takes both. If the entry cannot
  // be deleted, the next look returns it again.
  const silent = plan.calls.filter(
    ({ kind = 'queues.send', fault }) => kind === 'queues.delete' || (fault === 'silent' && kind === 'queues.send'),
  );
  const resent = silent.reduce((sum, { times = 1 }) => sum + times, 0);
  const more = repeats.length + redrives.length + redeliveries.length + commands.length + resent;
  const copies = poison.length === 0 ? 0 : sources.length + more;
  const found = copies * TIMES_IN_QUEUE * receives * settings.visibility * 1000;
  // By a slow clock, the outcome of a returned message seems older than its return. The reconciler then waits an hour.
  // A tracker's events may be a message each, at its first call and again at a second one.
  const sent = plan.jobs.reduce((sum, { kind }) => sum + (kind === 'tracked' ? 2 * MOST_TRACKED : 1), 0);
  const forged = plan.forgeries.reduce((sum, { times }) => sum + times, 0);
  const byClock = plan.skew === undefined ? 0 : (sent + forged) * HOUR_MS;
  // Only the end of the retention shows that a message is gone.
  const expired = plan.retention === undefined ? 0 : plan.retention * 1000 + 2 * HOUR_MS;
  // A chunk may wait for its window or for the next day, one after the other.
  const limited = plan.sending && queue.controlled ? plan.jobs.length * MOST_CHUNKS * DAY_MS : 0;
  return REST_WITHIN_MS + found + expired + byClock + limited;
}

const lastStart = ({ watch }: World): number => Math.max(0, ...watch.rows().map(({ notBefore = 0 }) => notBefore));

/**
 * When a DLQ entry last expired, as its row says. The reconciler has to notice it, as it does any other fault. If the
 * table was down when the entry was sent, the row says a later time.
 */
function lastExpiry({ watch, settings, kernel, plan }: World): number {
  const keptMs = settings.dlqRetention * 1000;
  const gone = watch.rows().filter(({ endedAt = 0 }) => endedAt + keptMs - skewOf(plan) <= kernel.now());
  return Math.max(0, ...gone.map(({ parkedAt = 0 }) => parkedAt + keptMs));
}
