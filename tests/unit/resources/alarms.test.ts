import { globSync, readFileSync } from 'node:fs';
import { type AlarmKind, type AnyKind, alarmName, isFact, KINDS } from '../../../lib/alarms/kinds';
import { metricsOf } from '../../../resources/cost';
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

test('every queue has one alarm of each kind about queues, the instance one of each other kind, and no other exists', () => {
  const names = alarms(prod).map(({ AlarmName }) => String(AlarmName));
  const kinds = (Object.keys(KINDS) as AnyKind[]).filter((kind) => !isFact(kind)) as AlarmKind[];
  const expected = kinds.flatMap((kind) =>
    (KINDS[kind].scope === 'queue' ? QUEUES : ['']).map((queue) => alarmName('mht-api', kind, queue)),
  );

  expect(names.toSorted()).toEqual(expected.toSorted());
});

test('every alarm and every fact has a section in the runbook', () => {
  const headings = [...readFileSync('docs/runbook.md', 'utf8').matchAll(/^### `([a-z-]+)`/gm)].map(([, kind]) => kind);

  expect(headings.toSorted()).toEqual(Object.keys(KINDS).sort());
});

test('each alarm may publish to its own topic, which is not encrypted, and no other alarm may', () => {
  for (const [, { Properties }] of ofType(prod, 'AWS::SNS::Topic'))
    expect(Properties).not.toHaveProperty('KmsMasterKeyId');
  for (const [, { Properties }] of ofType(prod, 'AWS::SNS::TopicPolicy')) {
    const [topic] = Properties.Topics as unknown[];
    const own = alarms(prod).filter(({ AlarmActions }) => JSON.stringify(AlarmActions) === JSON.stringify([topic]));
    const arns = own.map(({ AlarmName }) => ({ 'Fn::Sub': expect.stringMatching(`:alarm:${AlarmName}$`) }));

    expect(arns).not.toEqual([]);
    const allowed = { Effect: 'Allow', Principal: { Service: 'cloudwatch.amazonaws.com' }, Action: 'sns:Publish' };
    const Statement = [{ ...allowed, Condition: { ArnEquals: { 'aws:SourceArn': arns } } }];
    expect(Properties.PolicyDocument).toMatchObject({ Statement });
  }
});

test('the topic that gets an alarm also gets its end', () => {
  const begins = alarms(prod).map(({ AlarmActions }) => AlarmActions);

  expect(alarms(prod).map(({ OKActions }) => OKActions)).toEqual(begins);
});

test('the configured address receives alarms about undelivered alarms', () => {
  const emails = (template: CompiledTemplate) =>
    ofType(template, 'AWS::SNS::Subscription').flatMap(([, { Properties }]) =>
      Properties.Protocol === 'email' ? [[Properties.TopicArn, Properties.Endpoint]] : [],
    );

  expect(emails(staging)).toEqual([[{ Ref: 'UndeliveredAlarmTopic' }, 'ops@example.com']]);
  expect(emails(prod)).toEqual([]);
});

test('an alarm about functions that fail is over only when the function that runs least often had time to run again', () => {
  const find = ({ AlarmName }: Record<string, unknown>) => AlarmName === 'mht-api-function-errors';
  const { EvaluationPeriods, DatapointsToAlarm, Metrics } = alarms(prod).find(find) ?? {};
  const [period] = (Metrics as { MetricStat?: { Period: number } }[]).flatMap(({ MetricStat }) => MetricStat ?? []);

  expect(DatapointsToAlarm).toBe(1);
  expect(Number(EvaluationPeriods) * Number(period?.Period)).toBeGreaterThan(15 * 60);
});

/** The names in calls of `metrics.add`. */
const measured = globSync('lib/**/*.ts').flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/metrics\.add\(\s*'(\w+)'/g)].map(([, name = '']) => name),
);

test('the code measures what an alarm or the dashboard shows, and nothing else, because each metric costs money', () => {
  const { inAlarms, inDashboard } = metricsOf(prod.Resources);
  const shown = [...inAlarms, ...inDashboard].filter(([namespace]) => namespace === 'mht-api');

  expect([...new Set(measured)].sort()).toEqual([...new Set(shown.map(([, name]) => name))].sort());
  const dimensions = shown.flatMap((metric) => metric.filter((_, at) => at > 1 && at % 2 === 0));
  expect(new Set(dimensions)).toEqual(new Set(['queue', 'vendor']));
});
