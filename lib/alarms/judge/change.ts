import { partitionOf } from '../../aws/partition';
import type { AlarmChange } from '../notification';
import type { AlarmDefinition } from './definition';
import type { AlarmState, Evaluation } from './evaluate';

/** The message about an alarm's new state, as CloudWatch publishes it. `arn`: of the alarm, for links to the console. */
export function changeOf(
  { name, description, threshold, comparison }: AlarmDefinition,
  { state, reason }: Evaluation,
  { before, at, account, arn }: { before: AlarmState; at: number; account: string; arn: string },
): AlarmChange {
  return {
    AlarmName: name,
    AlarmDescription: description,
    AWSAccountId: account,
    NewStateValue: state,
    OldStateValue: before,
    NewStateReason: reason,
    StateChangeTime: new Date(at).toISOString().replace('Z', '+0000'),
    AlarmArn: arn,
    Trigger: { Threshold: threshold, ComparisonOperator: comparison },
  };
}

export const alarmArn = (region: string, account: string, name: string): string =>
  `arn:${partitionOf(region)}:cloudwatch:${region}:${account}:alarm:${name}`;
