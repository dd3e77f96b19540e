import type { JobRow } from '../../../lib/jobs/row';
import { serviceQueue } from '../world/names';
import type { World } from '../world/types';
import { isPlain } from './no-bystanders';
import type { Promised } from './promise';

/** The metrics that count outcomes of jobs with rows, and the change of a row that each one counts. */
const COUNTERS: Record<string, (before: JobRow | undefined, after: JobRow) => boolean> = {
  JobsSucceeded: (before, after) => after.state === 'succeeded' && before?.state !== 'succeeded',
  JobsDead: (before, after) => isDead(after) && !(before && isDead(before) && before.endedAt === after.endedAt),
};

const isDead = ({ state, reason }: JobRow): boolean => state === 'dead' && reason !== 'expired';

/** Counts the outcomes in the rows. No metric may say more than the rows do at that time. */
export function watchCounts(world: World): void {
  const { onRow, onMeasure, counted, watch, queue } = world;
  const name = serviceQueue(world);
  const before = new Map<string, JobRow>();
  const count = (counter: string, by: number, of: 'rows' | 'metrics') => {
    const key = `${name} ${counter}`;
    const sum = counted.get(key) ?? { rows: 0, metrics: 0 };
    sum[of] += by;
    counted.set(key, sum);
    return sum;
  };
  onRow.push((row) => {
    if (row.queue !== name) return;
    for (const [counter, counts] of Object.entries(COUNTERS))
      if (counts(before.get(row.key), row)) count(counter, 1, 'rows');
    before.set(row.key, row);
  });
  onMeasure.push((counter, value, dimensions) => {
    if (!(counter in COUNTERS) || dimensions.queue !== name || queue.isDoneWithout) return;
    const { rows, metrics } = count(counter, value, 'metrics');
    if (metrics > rows)
      watch.violated(`everything explained: ${counter} of ${name} says ${metrics}, but ${rows} rows say so`);
  });
}

/** In a run without faults of AWS the metrics say as much as the rows. A process that dies writes no metric. */
export const countsAgree: Promised = ({ counted, reached, plan, queue }) => {
  if (!isPlain(plan) || plan.starts.length > 0 || reached.has('doubt') || queue.isDoneWithout) return undefined;
  for (const [counter, { rows, metrics }] of counted)
    if (rows !== metrics && counter.startsWith(`${serviceQueue({ queue })} `))
      return `everything explained: ${counter} says ${metrics} in all, but ${rows} rows say so`;
  return undefined;
};
