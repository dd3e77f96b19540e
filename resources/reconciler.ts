import { ConfigurationProblems } from './problems';

const SCHEDULE = 'rate(1 minute)';

/** Checks the events of `functions.reconciler`: its alarms and canaries count one run a minute. */
export function checkSchedule(events: unknown): void {
  const schedules = (Array.isArray(events) ? events : []).flatMap(
    (event: { schedule?: unknown }) => event?.schedule ?? [],
  );
  if (schedules.length === 1 && schedules[0] === SCHEDULE) return;
  const found =
    schedules.length === 0 ? 'missing' : schedules.map((schedule) => JSON.stringify(schedule)).join(' and ');
  throw new ConfigurationProblems([`functions.reconciler: schedule must be ${SCHEDULE}, is ${found}`]);
}
