import { alarmArn } from '../alarms/judge/change';
import { alarmName } from '../alarms/kinds';
import type { AlarmChange } from '../alarms/notification';
import type { AlarmSpec } from '../alarms/specs/spec';
import type { Topics } from '../ports';

/** How the reconciler watches an instance and tells what is wrong. */
export interface Monitor {
  instance: string;
  account: string;
  region: string;
  /** ARN of the alarm topic. */
  topic: string;
  topics: Topics;
  /** Address of docs/runbook.md. May be empty. */
  runbook: string;
  /** The alarms that the reconciler evaluates: none with full monitoring. */
  judged: readonly AlarmSpec[];
  /** The deployed names of the functions, whose tallies it reads. */
  functions: readonly string[];
  /** The alarm about entries in a queue's DLQ, evaluated here or by CloudWatch. */
  dlqAlarm: (queue: string) => AlarmSpec | undefined;
}

/** Links lead to the alarm that watches over all that the reconciler evaluates. */
export const whereIs = ({ region, account, instance }: Monitor): { account: string; arn: string } => ({
  account,
  arn: alarmArn(region, account, alarmName(instance, 'incidents')),
});

/** Publishes an alarm's change as CloudWatch does. */
export const tell = ({ topics, topic, region }: Monitor, change: AlarmChange): Promise<void> =>
  topics.publish(topic, {
    subject: `${change.NewStateValue}: "${change.AlarmName}" in ${region}`,
    text: JSON.stringify(change),
  });
