import { alarmName } from '../lib/alarms/kinds';
import { type AlarmSpec, alarm } from './alarm';
import { canaryAlarm } from './canary';
import type { Context } from './context';
import { dashboardResources } from './dashboard';
import { functionAlarms, type MonitoredFunction } from './function-alarms';
import { instanceAlarms } from './instance-alarms';
import { TOPIC_ID } from './logical-id';
import { queueAlarms } from './queue-alarms';
import type { QueueRow } from './queue-table';
import { type Fragment, merge } from './template';
import type { Thresholds } from './thresholds';
import { topicResources } from './topic';

export interface MonitoringSettings {
  thresholds: Thresholds;
  functions: MonitoredFunction[];
  /** Minutes between two canaries of a queue. 0: no canaries. */
  canaryMinutes: number;
  /** Address of docs/runbook.md. May be empty. */
  runbook: string;
  /** Receives e-mails about undelivered alarms. May be empty. */
  alarmEmail: string;
}

/** The topics, the alarms and the dashboard. */
export function monitoringResources(
  { rows, context }: { rows: QueueRow[]; context: Context },
  { thresholds, functions, canaryMinutes, runbook, alarmEmail }: MonitoringSettings,
): Fragment {
  const { instance } = context;
  const canaries = canaryMinutes === 0 ? [] : rows;
  const queue = { instance, stage: thresholds };
  const specs = [
    ...rows.flatMap((row) => queueAlarms(row, { ...queue, canaries: canaries.includes(row) })),
    ...canaries.map((row) => canaryAlarm(row, { ...queue, minutes: canaryMinutes })),
    ...functions.flatMap(functionAlarms),
    ...instanceAlarms(instance, rows),
  ];
  const alarms = specs.map((spec) => alarm(spec, { ...context, runbook }));
  const nameOf = ({ kind, subject }: AlarmSpec) => alarmName(instance, kind, subject);
  const alarmsOf = (id: string) => specs.filter(({ topic = TOPIC_ID }) => topic === id).map(nameOf);
  return merge([
    topicResources(context, { alarmEmail, alarmsOf }),
    ...alarms.map((Resources) => ({ Resources, Outputs: {} })),
    dashboardResources(context, { rows, canaries, alarmNames: specs.map(nameOf) }),
  ]);
}
