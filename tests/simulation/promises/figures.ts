import { isEnd, type JobRow } from '../../../lib/jobs/row';
import { skewOf } from '../draw/plan';
import { serviceQueue } from '../world/names';
import type { World } from '../world/types';

/** Metrics of how long jobs are on their way or held. Alarms read them. */
const FIGURES: readonly string[] = ['TimeToStart', 'TimeToFinish', 'OldestHeld'];
/** Clocks differ, and a worker may read a row this long before it reports the metric. */
const SLACK_MS = 10_000;
const RECENT_MS = 60_000;

/**
 * Finds a metric value that is older than every job that it can be about. An operator's retry starts a job's age anew.
 * The age of a planned job begins at its time.
 */
export function watchFigures(world: World): void {
  const { kernel, watch, onRow, onMeasure, queue } = world;
  const generations = new Map<string, number>();
  const retried = new Map<string, number>();
  onRow.push(({ key, state, generation }) => {
    if (state === 'queued' && generation > (generations.get(key) ?? 1)) retried.set(key, kernel.now());
    generations.set(key, generation);
  });

  const ageOf = ({ key, createdAt, deliveries, notBefore = 0 }: JobRow): number => {
    const now = kernel.now();
    const at = retried.get(key);
    const recently = at === undefined || now - at < RECENT_MS;
    const accepted = Math.min(createdAt, deliveries[0]?.sentAt ?? createdAt);
    // Released code knows no planned jobs, and measures them from their acceptance.
    const due = world.plan.versions || at !== undefined ? accepted : Math.max(accepted, notBefore);
    return now - (recently ? due : at);
  };
  const isMeant = ({ state, endedAt = 0 }: JobRow): boolean => !isEnd(state) || kernel.now() - endedAt < RECENT_MS;
  onMeasure.push((name, value, dimensions) => {
    if (!FIGURES.includes(name) || dimensions.queue !== serviceQueue(world) || queue.isDoneWithout) return;
    const oldest = Math.max(0, ...watch.rows().filter(isMeant).map(ageOf));
    if (value > oldest + SLACK_MS + skewOf(world.plan))
      watch.violated(`everything explained: ${name} says ${value} ms, but the oldest job has ${oldest} ms`);
  });
}
