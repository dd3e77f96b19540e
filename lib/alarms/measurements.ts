import type { Point, Series } from '../jobs/tally';
import type { IsBilled } from '../log';
import type { MetricName, MetricStore } from './judge/metric-store';

/**
 * With lean monitoring, CloudWatch makes metrics of these only: three for each queue, and two for the instance. Names in
 * `analytics.eventNames` are counted as well, because the instance's file asks for them.
 */
export const isLeanMetric: IsBilled = (name, { queue, ...more }) =>
  'event' in more ||
  (Object.keys(more).length === 0 && (queue === undefined ? OF_THE_INSTANCE : OF_A_QUEUE).includes(name));
const OF_A_QUEUE = ['JobsSucceeded', 'JobsParked', 'TimeToFinish'];
const OF_THE_INSTANCE = ['ReconcilerRuns', 'IncidentsUntold'];

/** The minutes for which an evaluated alarm looks back at each measurement. A test compares them with the alarms. */
export const JUDGED_MINUTES: Readonly<Record<string, number>> = {
  ...{ JobsSucceeded: 15, JobsParked: 15, JobsHeld: 10, JobsCancelled: 10, TimeToFinish: 15 },
  ...{ OldestHeld: 3, MessagesReturned: 5, JobsExpired: 5, VendorStopped: 1, ReconcilerFailures: 15 },
  ...{ IllegalTransitions: 5, AccessDenied: 5, CampaignsPaused: 5, ChunksWithoutEvents: 5, EmailEventsRefused: 5 },
  ...{ CompactionFailures: 60, Duration: 5, Canary: 15 },
  ...{ ApproximateNumberOfMessagesVisible: 10, ApproximateNumberOfMessagesNotVisible: 1 },
  ApproximateAgeOfOldestMessage: 10,
};

/** What must reach the reconciler at once. Other measurements wait for a second. */
export const isUrgent = (name: string): boolean => !ROUTINE.includes(name);
const ROUTINE = ['JobsSucceeded', 'JobsHeld', 'JobsCancelled', 'TimeToFinish'];

/** Whether an evaluated alarm reads a measurement. Those by class or event are for people. */
export const isJudged: IsBilled = (name, dimensions) =>
  name in JUDGED_MINUTES && !('class' in dimensions) && !('event' in dimensions);

/** A measurement's name in a tally, for example `JobsParked{queue=feedback}`. */
export const measurementOf = (name: string, dimensions: Record<string, string>): string =>
  `${name}{${Object.entries(dimensions)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join()}}`;

/** How many minutes a tally keeps of a measurement. */
export const keptMinutes =
  (canaryMinutes: number) =>
  (measurement: string): number => {
    const name = measurement.slice(0, measurement.indexOf('{'));
    return name === 'Canary' ? 3 * canaryMinutes : (JUDGED_MINUTES[name] ?? 0);
  };

const MINUTE_MS = 60_000;

/** The functions' tallies as a store of metrics. A point counts at the begin of its minute. */
export function tallied(tallies: readonly Record<string, Series>[]): Pick<MetricStore, 'read'> {
  return {
    read({ name, dimensions }: MetricName, statistic, { from, to }) {
      const points = tallies.flatMap((series) =>
        Object.entries(series[measurementOf(name, dimensions)] ?? {}).flatMap(([minute, point]) => {
          const at = Number(minute) * MINUTE_MS;
          return at >= from && at < to ? [point] : [];
        }),
      );
      return points.length === 0 ? undefined : statisticOf(statistic, points);
    },
  };
}

function statisticOf(statistic: string, points: Point[]): number {
  const sum = points.reduce((total, [each]) => total + each, 0);
  const count = points.reduce((total, [, each]) => total + each, 0);
  if (statistic === 'Sum') return sum;
  if (statistic === 'Average') return sum / count;
  if (statistic === 'Maximum') return Math.max(...points.map(([, , max]) => max));
  throw new Error(`the statistic ${statistic} is not supported here`);
}
