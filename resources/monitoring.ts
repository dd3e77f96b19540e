import type { MonitoredFunction } from '../lib/alarms/specs/functions';
import type { AlarmSpec } from '../lib/alarms/specs/spec';
import { alarmSpecs, type Monitoring, nameOfSpec } from '../lib/alarms/specs/specs';
import type { QueueRow } from '../lib/instances/queue-row';
import { alarm, topicOf } from './alarm';
import type { Context } from './context';
import { dashboardResources } from './dashboard';
import { queryResources, queryWidgets } from './queries';
import { type Fragment, merge } from './template';
import { topicResources } from './topic';

export interface MonitoringSettings {
  monitoring: Monitoring;
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
  { monitoring, functions, canaryMinutes, runbook, alarmEmail }: MonitoringSettings,
): Fragment {
  const { instance } = context;
  const { ofAws: specs } = alarmSpecs({ instance, rows, functions, canaryMinutes }, monitoring);
  const namesOf = (some: AlarmSpec[]) => some.map((spec) => nameOfSpec(instance, spec));
  const alarmsOf = (topic: string) => namesOf(specs.filter((spec) => topicOf(spec) === topic));
  const canaries = canaryMinutes === 0 ? [] : rows;
  const lean = monitoring === 'lean';
  const logging = functions.map(({ key }) => key);
  return merge([
    topicResources(context, { alarmEmail, alarmsOf }),
    ...specs.map((spec) => ({ Resources: alarm(spec, { ...context, runbook }), Outputs: {} })),
    dashboardResources(context, {
      ...{ rows, canaries, alarmNames: namesOf(specs) },
      ...(lean ? { queries: queryWidgets(context, logging) } : {}),
    }),
    { Resources: lean ? queryResources(context, logging) : {}, Outputs: {} },
  ]);
}
