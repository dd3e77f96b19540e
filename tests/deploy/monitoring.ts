import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  GetDashboardCommand,
  PutMetricAlarmCommand,
  type PutMetricAlarmCommandInput,
} from '@aws-sdk/client-cloudwatch';
import { GetTopicAttributesCommand, SNSClient } from '@aws-sdk/client-sns';
import type { CompiledTemplate } from '../support/sls';
import type { Expected } from './checks';
import type { Report } from './report';

// Both clients are dependencies of Serverless, which this test needs anyway.

const ACCOUNT = '123456789012';

/** Checks the deployed topics and dashboard, and that CloudWatch accepts every compiled alarm. */
export async function checkMonitoring(
  { check, equal }: Report,
  endpoint: string,
  { expected: { instance }, template }: { expected: Expected; template: CompiledTemplate },
): Promise<void> {
  const client = { region: 'us-east-1', endpoint, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
  const sns = new SNSClient(client);
  const cloudWatch = new CloudWatchClient(client);
  const topicArn = (name: string) => `arn:aws:sns:us-east-1:${ACCOUNT}:${instance}-${name}`;

  for (const name of ['alarms', 'alarms-undelivered']) {
    const { Attributes } = await sns.send(new GetTopicAttributesCommand({ TopicArn: topicArn(name) }));
    equal(
      `topic ${name}: exists and is not encrypted`,
      [Attributes?.TopicArn, Attributes?.KmsMasterKeyId],
      [topicArn(name), undefined],
    );
  }

  const { DashboardBody = '{}' } = await cloudWatch.send(new GetDashboardCommand({ DashboardName: instance }));
  const { widgets = [] } = JSON.parse(DashboardBody) as { widgets?: { properties: { region?: string } }[] };
  check(
    'dashboard: exists, names this region, has no unresolved variables',
    widgets.length > 20 &&
      widgets.some(({ properties }) => properties.region === 'us-east-1') &&
      !DashboardBody.includes('${'),
    DashboardBody.slice(0, 500),
  );

  const topics: Record<string, string> = {
    AlarmTopic: topicArn('alarms'),
    UndeliveredAlarmTopic: topicArn('alarms-undelivered'),
  };
  const alarms = Object.values(template.Resources)
    .filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm')
    .map(({ Properties }) => withTopics(Properties, topics));
  for (const alarm of alarms) await cloudWatch.send(new PutMetricAlarmCommand(alarm));
  const known = new Map<string | undefined, unknown>();
  for (let NextToken: string | undefined; ; ) {
    const page = await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNamePrefix: `${instance}-`, NextToken }));
    for (const { AlarmName, Threshold, AlarmActions, TreatMissingData } of page.MetricAlarms ?? [])
      known.set(AlarmName, [Threshold, AlarmActions, TreatMissingData]);
    NextToken = page.NextToken;
    if (!NextToken) break;
  }
  const refused = alarms.filter(
    ({ AlarmName, Threshold, AlarmActions, TreatMissingData }) =>
      JSON.stringify(known.get(AlarmName)) !== JSON.stringify([Threshold, AlarmActions, TreatMissingData]),
  );
  check(
    `CloudWatch accepts each of the ${alarms.length} compiled alarms`,
    alarms.length > 30 && refused.length === 0,
    refused.map(({ AlarmName }) => AlarmName),
  );
}

/** PutMetricAlarm takes the properties of the template, with ARNs instead of references to topics. */
function withTopics(properties: Record<string, unknown>, topics: Record<string, string>): PutMetricAlarmCommandInput {
  return JSON.parse(JSON.stringify(properties), (_key, value: unknown) =>
    typeof value === 'object' && value !== null && 'Ref' in value ? topics[String(value.Ref)] : value,
  ) as PutMetricAlarmCommandInput;
}
