import { SNSClient } from '@aws-sdk/client-sns';
import type * as z from 'zod';
import { alarmSpecs } from '../alarms/specs/specs';
import { clientDefaults } from '../aws/clients';
import { partitionOf } from '../aws/partition';
import { realTopics } from '../aws/topics';
import type { reconcilerEnv } from '../config/reconciler';
import { thresholdsSchema } from '../instances/thresholds';
import { functionName, topicName } from '../jobs/keys';
import type { Monitor } from '../reconcile/monitor';

/** How the reconciler evaluates the alarms of its instance, and where it reports what is wrong. */
export function monitorOf(
  config: z.infer<typeof reconcilerEnv>,
  { region, account }: { region: string; account: string },
): Monitor | undefined {
  const { INSTANCE: instance, QUEUES, TIMEOUTS, ALARM_LIMITS, CANARY_EVERY, RUNBOOK, MONITORING } = config;
  // An older deployment's environment has neither, and it watches with CloudWatch alone.
  if (!ALARM_LIMITS || !TIMEOUTS) return undefined;
  const rows = Object.entries(QUEUES).map(([name, { type }]) => ({
    ...{ name, type, alarms: thresholdsSchema.parse(ALARM_LIMITS[name]) },
  }));
  const functions = Object.entries(TIMEOUTS).map(([key, timeout]) => ({
    ...{ key, name: functionName(instance, key), timeout, worker: key in QUEUES },
    // Only the alarms about throttles depend on it, and CloudWatch evaluates those.
    reserved: false,
  }));
  const { ofAws, judged } = alarmSpecs({ instance, rows, functions, canaryMinutes: CANARY_EVERY }, MONITORING);
  return {
    ...{ instance, region, account, judged, runbook: RUNBOOK ?? '', functions: functions.map(({ name }) => name) },
    topic: `arn:${partitionOf(region)}:sns:${region}:${account}:${topicName(instance)}`,
    topics: realTopics(new SNSClient(clientDefaults)),
    dlqAlarm: (queue) => [...judged, ...ofAws].find(({ kind, subject }) => kind === 'dlq-depth' && subject === queue),
  };
}
