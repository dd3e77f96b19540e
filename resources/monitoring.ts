import { alarmName } from '../lib/alarms/kinds';
import type { QueueRow } from '../lib/instances/queue-row';
import { type AlarmSpec, alarm } from './alarm';
import { canaryAlarm } from './canary';
import type { Context } from './context';
import { dashboardResources } from './dashboard';
import { functionAlarms, type MonitoredFunction } from './function-alarms';
import { instanceAlarms } from './instance-alarms';
import { TOPIC_ID } from './logical-id';
import { queueAlarms } from './queue-alarms';
import { type Fragment, merge } from './template';
import { topicResources } from './topic';

export interface MonitoringSettings {
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
  { functions, canaryMinutes, runbook, alarmEmail }: MonitoringSettings,
): Fragment {
  const { instance } = context;
  const canaries = canaryMinutes === 0 ? [] : rows;
  const specs = [
    ...rows.flatMap((row) => queueAlarms(row, { instance, canaries: canaries.includes(row) })),
    ...canaries.map((row) => canaryAlarm(row, { instance, minutes: canaryMinutes })),
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
