import { type AlarmKind, alarmName } from '../kinds';
import { functionAlarms, type MonitoredFunction } from './functions';
import { instanceAlarms } from './instance';
import { canaryAlarm, queueAlarms, type WatchedQueue } from './queue';
import type { AlarmSpec } from './spec';

/** What an instance's alarms watch. */
export interface Watched {
  instance: string;
  rows: readonly WatchedQueue[];
  functions: readonly MonitoredFunction[];
  /** Minutes between two canaries of a queue. 0: no canaries. */
  canaryMinutes: number;
}

/** Every alarm of an instance. */
export function alarmSpecs({ instance, rows, functions, canaryMinutes }: Watched): AlarmSpec[] {
  const canaries = canaryMinutes > 0;
  return [
    ...rows.flatMap((row) => queueAlarms(row, { instance, canaries })),
    ...(canaries ? rows.map((row) => canaryAlarm(row, { instance, minutes: canaryMinutes })) : []),
    ...functions.flatMap(functionAlarms),
    ...instanceAlarms(instance, rows),
  ];
}

export const nameOfSpec = (instance: string, { kind, subject }: { kind: AlarmKind; subject?: string }): string =>
  alarmName(instance, kind, subject);
