import { todoKey } from '../../../lib/jobs/keys';
import type { JobRow } from '../../../lib/jobs/row';
import { entriesAgree } from '../promises/rest';
import { isPaused, nextLook } from './campaigns';
import type { Functions } from './functions';
import type { Event } from './kernel';
import { deadLetterQueue, serviceQueue } from './names';
import type { World } from './world';

const MINUTE_MS = 60_000;
const nextMinute = (time: number): number => (Math.floor(time / MINUTE_MS) + 1) * MINUTE_MS;

/**
 * The reconciler's schedule: every minute. Minutes at which it could find nothing to do are left out, so that a run
 * over a month costs what happens in it.
 */
export function startSchedule(world: World, { reconciler }: Functions): void {
  const { kernel } = world;
  let next: Event | undefined;
  let wake = Number.POSITIVE_INFINITY;

  const schedule = (at: number) => {
    const minute = nextMinute(Math.max(at, kernel.now()) - 1);
    if (minute >= wake || minute === Number.POSITIVE_INFINITY) return;
    kernel.cancel(next);
    wake = minute;
    next = kernel.at(minute, tick);
  };
  const tick = () => {
    wake = Number.POSITIVE_INFINITY;
    const due = Math.min(...world.lanes.map(nextDue));
    if (due <= kernel.now()) {
      void reconciler();
      schedule(kernel.now() + 1);
    } else schedule(due);
  };
  world.onChange.push(() => schedule(kernel.now() + 1));
  schedule(kernel.now() + 1);
}

/** When the reconciler could have something to do next. */
function nextDue(world: World): number {
  const { kernel, settings, watch, sqs } = world;
  const entries = sqs.messages(deadLetterQueue(world));
  const [dead, unknown, behind] = (['dead', 'unknown', 'behind'] as const).map((kind) =>
    todoKey(serviceQueue(world), kind),
  );
  const rows = watch.rows();
  if (!entriesAgree(world) || entries.some((entry) => entry.deadLetterSourceArn)) return kernel.now();
  if (rows.some((row) => row.reason === 'stopped')) return kernel.now();
  return rows.reduce((earliest, row) => Math.min(earliest, dueAt(row)), nextLook(world));

  function dueAt(row: JobRow): number {
    const { todo, todoAt, group, state, reason } = row;
    // Nothing is done for these until something else changes them.
    if (todo === undefined || todoAt === undefined || todo === unknown || isPaused(world, row))
      return Number.POSITIVE_INFINITY;
    const isBehind = state === 'held' && reason === 'behind';
    const waits = isBehind && rows.some((row) => row.todo === unknown && row.group === group);
    if (isBehind && !waits) return row.updatedAt;
    // One with a ticket comes back by itself as well.
    if (todo === behind) return Number.POSITIVE_INFINITY;
    return todo === dead ? todoAt + settings.dlqRetention * 1000 : todoAt;
  }
}
