import { alarmName } from '../lib/alarms/kinds';
import type { AlarmSpec } from '../lib/alarms/specs/spec';
import { alarmSpecs } from '../lib/alarms/specs/specs';
import { hasFunction } from '../lib/instances/functions';
import type { Instance } from '../lib/instances/instance';
import { alarm, topicOf } from './alarm';
import type { Blocks } from './configuration';
import type { Context } from './context';
import { dashboardResources } from './dashboard';
import { type Fragment, merge } from './template';
import { topicResources } from './topic';

/** The topics, the alarms and the dashboard. */
export function monitoringResources(of: Instance, context: Context, blocks: Blocks): Fragment {
  const { name: instance, rows, settings } = of;
  const { notify = {}, canaryEvery: canaryMinutes = 0 } = settings;
  const functions = Object.entries(blocks)
    .filter(([key]) => hasFunction(of, key))
    .map(([key, { name, reservedConcurrency }]) => ({ key, name, reserved: reservedConcurrency !== undefined }));
  const specs = alarmSpecs({ instance, rows, functions, canaryMinutes });
  const namesOf = (some: AlarmSpec[]) => some.map(({ kind, subject }) => alarmName(instance, kind, subject));
  const alarmsOf = (topic: string) => namesOf(specs.filter((spec) => topicOf(spec) === topic));
  return merge([
    topicResources(context, { alarmEmail: notify.email ?? '', alarmsOf }),
    ...specs.map((spec) => ({
      Resources: alarm(spec, { ...context, runbook: notify.runbook ?? '' }),
      Outputs: {},
    })),
    dashboardResources(context, { rows, functions, canaries: canaryMinutes > 0, alarmNames: namesOf(specs) }),
  ]);
}
