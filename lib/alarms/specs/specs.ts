import { instanceAlarms, type WatchedFunction } from './instance';
import { queueAlarms, type WatchedQueue } from './queue';
import type { AlarmSpec } from './spec';

export interface Watched {
  instance: string;
  rows: readonly WatchedQueue[];
  functions: readonly WatchedFunction[];
  /** Minutes between two canaries of a queue. 0: no canaries. */
  canaryMinutes: number;
}

export const alarmSpecs = ({ instance, rows, functions, canaryMinutes }: Watched): AlarmSpec[] => [
  ...rows.flatMap((row) => queueAlarms(row, { instance, canaryMinutes })),
  ...instanceAlarms(instance, functions),
];
