import { alarmName } from '../lib/alarms/kinds';
import type { WatchedFunction } from '../lib/alarms/specs/instance';
import type { AlarmSpec } from '../lib/alarms/specs/spec';
import { alarmSpecs } from '../lib/alarms/specs/specs';
import type { QueueRow } from '../lib/instances/queue-row';
import { alarm, topicOf } from './alarm';
import type { Context } from './context';
import { dashboardResources } from './dashboard';
import { type Fragment, merge } from './template';
import { topicResources } from './topic';

export interface MonitoringSettings {
  functions: WatchedFunction[];
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
  const specs = alarmSpecs({ instance, rows, functions, canaryMinutes });
  const namesOf = (some: AlarmSpec[]) => some.map(({ kind, subject }) => alarmName(instance, kind, subject));
  const alarmsOf = (topic: string) => namesOf(specs.filter((spec) => topicOf(spec) === topic));
  return merge([
    topicResources(context, { alarmEmail, alarmsOf }),
    ...specs.map((spec) => ({ Resources: alarm(spec, { ...context, runbook }), Outputs: {} })),
    dashboardResources(context, { rows, functions, canaries: canaryMinutes > 0, alarmNames: namesOf(specs) }),
  ]);
}
