import type { Objects } from '../ports';
import { compactedKey, dataPartition, jobOf } from './keys';
import { readManifests } from './manifest';

/**
 * The objects of an hour that contain each event once for a reader at `at` (ms). These are the compacted objects that a
 * manifest names by then, and the own objects of all other messages. Query engines use a view for the same
 * (docs/analytics.md).
 */
export async function visibleObjects(
  store: { objects: Objects; prefix: string },
  { hour, at }: { hour: number; at: number },
): Promise<string[]> {
  const { objects, prefix } = store;
  const { moved: all } = await readManifests(store, hour);
  const moved = [...all.values()].filter(({ from }) => Date.parse(from) <= at);
  const jobs = new Set(moved.map(({ job }) => job));
  const own = (await objects.list(dataPartition(prefix, hour))).filter((key) => !jobs.has(jobOf(key)));
  const compacted = new Set(moved.map(({ object }) => compactedKey(prefix, { time: hour, name: object })));
  return [...compacted, ...own];
}
