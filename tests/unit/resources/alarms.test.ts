import { readFileSync } from 'node:fs';
import { KINDS, parseAlarmName } from '../../../lib/alarms/kinds';
import { alarmTable } from '../../support/alarm-table';
import { templateOf } from '../../support/packages';
import type { CompiledTemplate } from '../../support/sls';

const QUEUES = ['feedback', 'emails', 'testflight', 'analytics'];

let prod: CompiledTemplate;
let staging: CompiledTemplate;

beforeAll(async () => {
  prod = await templateOf('prod');
  staging = await templateOf('staging');
});

const ofType = ({ Resources }: CompiledTemplate, type: string) =>
  Object.entries(Resources).filter(([, { Type }]) => Type === type);
const alarms = (template: CompiledTemplate) =>
  ofType(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
const subjects = (template: CompiledTemplate, type: string, part: RegExp) =>
  ofType(template, type).flatMap(([id]) => part.exec(id)?.[1]?.toLowerCase() ?? []);

// These alarms wake people at night. Read the difference before you update the snapshot:
// npm test -- tests/unit/resources/alarms -u
test('production has these alarms with these thresholds', () => {
  expect(alarmTable(prod)).toMatchSnapshot();
});

test('staging has these alarms with these thresholds', () => {
  expect(alarmTable(staging)).toMatchSnapshot();
});

test('every queue and every function has one alarm of each kind for its scope, and no other alarm exists', () => {
  const found = alarms(prod).map(({ AlarmName }) =>
    parseAlarmName(String(AlarmName), { instance: 'mht-api', queues: QUEUES }),
  );
  const having = (scope: string, subject: string) =>
    found.flatMap((alarm) =>
      alarm?.subject.toLowerCase() === subject && KINDS[alarm.kind].scope === scope ? [alarm.kind] : [],
    );
  const kindsOf = (scope: string) =>
    Object.keys(KINDS).filter((kind) => KINDS[kind as keyof typeof KINDS].scope === scope);

  expect(found).not.toContain(undefined);
  for (const queue of subjects(prod, 'AWS::SQS::QueuePolicy', /^(.*)QueuePolicy$/))
    expect([queue, having('queue', queue).sort()]).toEqual([queue, kindsOf('queue').sort()]);
  for (const key of subjects(prod, 'AWS::Lambda::Function', /^(.*)LambdaFunction$/))
    expect([key, having('function', key).sort()]).toEqual([key, kindsOf('function').sort()]);
});

test('every alarm notifies its topic when it starts and when it is over, and links to the runbook', () => {
  for (const { AlarmActions, OKActions, AlarmDescription } of alarms(staging)) {
    expect(OKActions).toEqual(AlarmActions);
    expect(AlarmDescription).toMatch(/^\S.*\. Runbook: https:\/\/example\.com\/runbook#[a-z-]+$/);
  }
});

test('every kind of alarm has a section in the runbook', () => {
  const headings = [...readFileSync('docs/runbook.md', 'utf8').matchAll(/^### `([a-z-]+)`/gm)].map(([, kind]) => kind);

  expect(headings.toSorted()).toEqual(Object.keys(KINDS).sort());
});

test('alarms about the alarms function go to the second topic', () => {
  const second = alarms(prod).filter(({ AlarmActions }) =>
    JSON.stringify(AlarmActions).includes('UndeliveredAlarmTopic'),
  );

  expect(second.map(({ AlarmName }) => AlarmName).toSorted()).toEqual([
    'mht-api-alarms-duration',
    'mht-api-alarms-errors',
    'mht-api-alarms-throttles',
    'mht-api-undelivered',
  ]);
});

test('no alarm uses the number of sent messages, which leaves out what a redrive policy moves', () => {
  expect(JSON.stringify(alarms(prod))).not.toContain('NumberOfMessagesSent');
});

test('each alarm may publish to its own topic, which is not encrypted, and no other alarm may', () => {
  for (const [, { Properties }] of ofType(prod, 'AWS::SNS::Topic'))
    expect(Properties).not.toHaveProperty('KmsMasterKeyId');
  for (const [, { Properties }] of ofType(prod, 'AWS::SNS::TopicPolicy')) {
    const [topic] = Properties.Topics as unknown[];
    const own = alarms(prod).filter(({ AlarmActions }) => JSON.stringify(AlarmActions) === JSON.stringify([topic]));
    const arns = own.map(({ AlarmName }) => ({ 'Fn::Sub': expect.stringMatching(`:alarm:${AlarmName}$`) }));

    expect(arns).not.toEqual([]);
    expect(Properties.PolicyDocument).toMatchObject({
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: 'cloudwatch.amazonaws.com' },
          Action: 'sns:Publish',
          Condition: { ArnEquals: { 'aws:SourceArn': arns } },
        },
      ],
    });
  }
});

test('an alarm is kept when the function fails after all retries, and when the topic cannot call the function', () => {
  const [, config] = ofType(prod, 'AWS::Lambda::EventInvokeConfig').find(([id]) => id.startsWith('Alarms')) ?? [];
  const [, subscription] = ofType(prod, 'AWS::SNS::Subscription').find(([id]) => id.startsWith('Alarms')) ?? [];
  const undelivered = { 'Fn::GetAtt': ['UndeliveredAlarms', 'Arn'] };

  expect(config?.Properties).toMatchObject({
    MaximumRetryAttempts: 2,
    DestinationConfig: { OnFailure: { Destination: undelivered } },
  });
  expect(subscription?.Properties).toMatchObject({ RedrivePolicy: { deadLetterTargetArn: undelivered } });
});

test('the configured address receives alarms about undelivered alarms', () => {
  const emails = (template: CompiledTemplate) =>
    ofType(template, 'AWS::SNS::Subscription').flatMap(([, { Properties }]) =>
      Properties.Protocol === 'email' ? [[Properties.TopicArn, Properties.Endpoint]] : [],
    );

  expect(emails(staging)).toEqual([[{ Ref: 'UndeliveredAlarmTopic' }, 'ops@example.com']]);
  expect(emails(prod)).toEqual([]);
});
