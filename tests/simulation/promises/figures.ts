import { todoKey, vendorKey } from '../../../lib/engine/jobs/keys';
import { isEnd, type JobRow } from '../../../lib/engine/jobs/row';
import type { Circuit } from '../../../lib/engine/worker/circuit';
import { HOLDS_BY_SETTING } from '../../../lib/mail/rate';
import { ofKind } from '../../support/history';
import { type Plan, skewOf } from '../draw/plan';
import { serviceQueue } from '../world/names';
import type { World } from '../world/types';
import { isPlain } from './no-bystanders';
import { isParked, type Promised } from './rest';

/** Metrics of how long jobs are on their way or held. Alarms read them. */
const FIGURES: readonly string[] = ['TimeToFinish', 'OldestHeld'];
/** Clocks differ, and a worker may read a row this long before it reports the metric. */
const SLACK_MS = 10_000;
/** Who makes slow calls reads the jobs, or decides on a retry, this long before others see it. */
const SLOW_RUN_MS = 60_000;
const WAITING = ['slow', 'late', 'silent', 'hung'];
const RECENT_MS = 60_000;
/** The reconciler reads this many rows of each kind to find the oldest. */
const MOST_READ = 10;

function slackOf(plan: Plan): number {
  const isSlow = [...plan.outages, ...plan.calls].some(({ fault }) => WAITING.includes(fault));
  return (isSlow ? SLOW_RUN_MS : SLACK_MS) + skewOf(plan);
}

/**
 * Finds a metric value that is older than every job that it can be about. An operator's retry starts a job's age anew.
 * The age of a planned job begins at its time.
 */
export function watchFigures(world: World): void {
  const { kernel, watch, onRow, onMeasure, queue } = world;
  const retried = new Map<string, number>();
  onRow.push(({ key, state, generation }, before) => {
    if (state === 'queued' && generation > (before?.generation ?? 1)) retried.set(key, kernel.now());
  });

  const ageOf = ({ key, createdAt, deliveries, notBefore = 0 }: JobRow): number => {
    const now = kernel.now();
    const at = retried.get(key);
    const recently = at === undefined || now - at < RECENT_MS;
    const accepted = Math.min(createdAt, deliveries[0]?.sentAt ?? createdAt);
    // A fast clock may start a planned job early (plans-are-kept.ts).
    const planned = notBefore - skewOf(world.plan);
    const due = at === undefined ? Math.max(accepted, planned) : accepted;
    return now - (recently ? due : at);
  };
  const isMeant = ({ state, endedAt = 0 }: JobRow): boolean => !isEnd(state) || kernel.now() - endedAt < RECENT_MS;
  onMeasure.push((name, value, dimensions) => {
    if (!FIGURES.includes(name) || dimensions.queue !== serviceQueue(world) || queue.isDoneWithout) return;
    // A damaged job may have lost the times that tell its age.
    if (watch.rows().some(({ id }) => world.damaged.has(id))) return;
    const oldest = Math.max(0, ...watch.rows().filter(isMeant).map(ageOf));
    if (value > oldest + slackOf(world.plan))
      watch.violated(`everything explained: ${name} says ${value} ms, but the oldest job has ${oldest} ms`);
  });
}

/** Finds a gauge that says less than the table: a held job that it does not see. */
export function watchGauges(world: World): void {
  const { kernel, plan, lanes, watch, onItem, onMeasure, stores } = world;
  const slackMs = slackOf(plan) + (plan.indexLag ?? 0);
  const circuits = new Map<string, { isStopped: boolean; changedAt: number }>();
  onItem.push((item) => {
    const isStopped = 'stoppedAt' in item;
    if (circuits.get(item.key)?.isStopped !== isStopped) circuits.set(item.key, { isStopped, changedAt: kernel.now() });
  });
  /** A damaged circuit reads as a pause. */
  const wasDamaged = (vendor: string) =>
    plan.damages.some(({ at, restored = Number.POSITIVE_INFINITY, ...of }) => {
      const since = kernel.now() - plan.start - at;
      return of.vendor === vendor && since >= 0 && since < restored + slackMs;
    });
  /** Also a circuit that has closed since the reconciler may have read it. */
  const isOpen = (vendor: string) => {
    const { paused } = (stores.table.item(vendorKey(vendor)) ?? {}) as Partial<Circuit>;
    const until = paused?.until ?? (paused ? Number.POSITIVE_INFINITY : 0);
    const { isStopped, changedAt } = circuits.get(vendorKey(vendor)) ?? { isStopped: false, changedAt: 0 };
    const mayBeStopped = isStopped || wasDamaged(vendor) || kernel.now() - changedAt < slackMs;
    return mayBeStopped || until > kernel.now() - skewOf(plan);
  };
  const isPlanned = lanes.some(({ plan: { jobs } }) => jobs.some(({ planned }) => planned));
  // The fact of an open circuit tells the jobs that wait for it.
  const waitsForCircuit = ({ queue, todo, vendor }: JobRow): boolean =>
    vendor !== undefined && todo === todoKey(queue, 'held', vendor) && isOpen(vendor);
  const isSeen = (row: JobRow): boolean =>
    row.state === 'held' &&
    ['retry', 'throttled', 'unknown'].includes(row.reason ?? '') &&
    row.todo !== undefined &&
    !HOLDS_BY_SETTING.some((code) => code === row.error?.code) &&
    !waitsForCircuit(row);
  const heldFor = ({ history, reason, retryAt = 0 }: JobRow): number => {
    const at = history.findLast(ofKind('held'))?.at ?? kernel.now();
    return kernel.now() - (reason === 'retry' ? Math.max(at, retryAt) : at);
  };

  onMeasure.push((name, value, { queue }) => {
    // Today's code does not see the rows of newer code.
    if (name === 'OldestHeld' && plan.future === undefined && plan.skew === undefined && !isPlanned) {
      const rows = lanes.flatMap((lane) => lane.watch.rows()).filter((row) => row.queue === queue && isSeen(row));
      const oldest = Math.max(0, ...rows.filter(({ id }) => !world.damaged.has(id)).map(heldFor));
      if (rows.length < MOST_READ && value < oldest - slackMs)
        watch.violated(`everything explained: OldestHeld says ${value} ms, but a job is held for ${oldest} ms`);
    }
  });
}

/** The metrics that count outcomes of jobs with rows, and the change of a row that each one counts. */
const COUNTERS: Record<string, (before: JobRow | undefined, after: JobRow) => boolean | number> = {
  JobsSucceeded: (before, after) => succeeds(before, after) && !after.resends,
  JobsWithout: (before, after) => succeeds(before, after) && !after.resends && (after.without?.length ?? 0),
  JobsDead: (before, after) => isParked(after) && !(before && isParked(before) && before.endedAt === after.endedAt),
};

const succeeds = (before: JobRow | undefined, after: JobRow): boolean =>
  after.state === 'succeeded' && before?.state !== 'succeeded';

/** Counts the outcomes in the rows. No metric may say more than the rows do at that time. */
export function watchCounts(world: World): void {
  const { onRow, onMeasure, counted, watch, queue } = world;
  const name = serviceQueue(world);
  const count = (counter: string, by: number, of: 'rows' | 'metrics') => {
    const key = `${name} ${counter}`;
    const sum = counted.get(key) ?? { rows: 0, metrics: 0 };
    sum[of] += by;
    counted.set(key, sum);
    return sum;
  };
  onRow.push((row, before) => {
    if (row.queue !== name) return;
    for (const [counter, counts] of Object.entries(COUNTERS)) count(counter, Number(counts(before, row)), 'rows');
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
