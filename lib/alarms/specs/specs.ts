import { type AlarmKind, alarmName, KINDS, type Kind } from '../kinds';
import { functionAlarms, type MonitoredFunction } from './functions';
import { instanceAlarms } from './instance';
import { ownMetric } from './metric';
import { canaryAlarm, queueAlarms, type WatchedQueue } from './queue';
import type { AlarmSpec } from './spec';

/**
 * `full`: CloudWatch evaluates every alarm. `lean`: it evaluates what AWS measures itself, and the reconciler the rest.
 */
export type Monitoring = 'lean' | 'full';

/** What an instance's alarms watch. */
export interface Watched {
  instance: string;
  rows: readonly WatchedQueue[];
  functions: readonly MonitoredFunction[];
  /** Minutes between two canaries of a queue. 0: no canaries. */
  canaryMinutes: number;
}

/**
 * Every alarm of an instance. `ofAws`: those that CloudWatch evaluates. `judged`: those that the reconciler evaluates.
 */
export function alarmSpecs(
  { instance, rows, functions, canaryMinutes }: Watched,
  monitoring: Monitoring,
): { ofAws: AlarmSpec[]; judged: AlarmSpec[] } {
  const canaries = canaryMinutes > 0;
  const lean = monitoring === 'lean';
  const specs = [
    ...rows.flatMap((row) => queueAlarms(row, { instance, canaries, judged: lean })),
    ...(canaries ? rows.map((row) => canaryAlarm(row, { instance, minutes: canaryMinutes })) : []),
    ...functions.flatMap(functionAlarms),
    ...instanceAlarms(instance, rows),
  ];
  if (!lean) return { ofAws: specs, judged: [] };
  return {
    ofAws: [...specs.filter((spec) => !isJudged(spec)), incidents(instance)],
    judged: specs.filter(isJudged),
  };
}

export const nameOfSpec = (instance: string, { kind, subject }: { kind: AlarmKind; subject?: string }): string =>
  alarmName(instance, kind, subject);

/** The reconciler's messages go through the alarms function, so it cannot tell that this function fails. */
const isJudged = ({ kind, second }: AlarmSpec): boolean => (KINDS[kind] as Kind).judged === true && !second;

/** The reconciler counts the alarms that it could not report. A missing count means that it evaluates none. */
const incidents = (instance: string): AlarmSpec => ({
  kind: 'incidents',
  metrics: { untold: ownMetric(instance)('IncidentsUntold', 'Maximum') },
  threshold: 1,
  period: 60,
  periods: 5,
  silence: 'breaching',
});
