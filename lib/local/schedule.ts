import type { DeclaredSchedule } from './template/declared';
import type { Timers } from './timers';

/** How long a minute of a schedule takes here, so that a user sees runs without a long wait. */
export const SCHEDULE_MINUTE_MS = 2_000;

const minutes: Record<string, number> = { minute: 1, hour: 60, day: 1440 };

/** The interval of `rate(…)` on this machine, in ms. Throws on any other expression, cron included. */
export function scheduleMs(expression: string): number {
  const [, count, unit = ''] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const each = minutes[unit];
  if (count === undefined || each === undefined)
    throw new Error(`the schedule ${expression} cannot run on this machine`);
  return Number(count) * each * SCHEDULE_MINUTE_MS;
}

/** Tells the reconciler how often it runs on this machine. */
export function scheduleVariables(schedules: readonly DeclaredSchedule[], functionKey: string): Record<string, string> {
  const schedule = schedules.find((declared) => declared.functionKey === functionKey);
  if (functionKey !== 'reconciler' || !schedule) return {};
  return { RECONCILE_EVERY: String(scheduleMs(schedule.expression) / 1000) };
}

/** Runs on a schedule, first after one interval. A run that takes longer than the interval delays the next one. */
export function startSchedule({
  expression,
  run,
  timers,
}: {
  expression: string;
  run: () => Promise<unknown>;
  timers: Timers;
}): { stop(): Promise<void> } {
  const interval = scheduleMs(expression);
  let running: Promise<unknown> = Promise.resolve();
  let stopped = false;
  let handle = timers.setTimeout(tick, interval);

  function tick(): void {
    const begun = timers.now();
    running = run().finally(() => {
      if (!stopped) handle = timers.setTimeout(tick, Math.max(0, begun + interval - timers.now()));
    });
  }

  return {
    async stop() {
      stopped = true;
      timers.clearTimeout(handle);
      await running;
    },
  };
}
