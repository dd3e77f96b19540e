import { templateOf } from '../../support/packages';
import type { CompiledTemplate } from '../../support/sls';

let acme: CompiledTemplate;
beforeAll(async () => {
  acme = await templateOf('second');
});

const ofType = (type: string) => Object.values(acme.Resources).filter(({ Type }) => Type === type);
const variables = (id: string) =>
  (acme.Resources[id]?.Properties.Environment as { Variables: Record<string, string> } | undefined)?.Variables ?? {};

test('an instance without the setting has lean monitoring: few alarms, one dashboard, and saved queries', () => {
  const alarms = ofType('AWS::CloudWatch::Alarm').map(({ Properties }) => String(Properties.AlarmName));

  expect(alarms.sort()).toEqual(
    [
      ...['alarms', 'emailEvents', 'emails', 'feedback', 'reconciler'].flatMap((key) => [
        `acme-${key}-errors`,
        `acme-${key}-throttles`,
      ]),
      ...['acme-alarms-duration', 'acme-emails-age', 'acme-feedback-age'],
      ...['acme-incidents', 'acme-reconciler', 'acme-undelivered'],
    ].sort(),
  );
  expect(ofType('AWS::CloudWatch::Dashboard')).toHaveLength(1);
  expect(ofType('AWS::Logs::QueryDefinition').map(({ Properties }) => Properties.Name)).toContain(
    'acme/Outcomes by error class',
  );
});

test('the lean dashboard shows no metric that does not exist, and asks the logs instead', () => {
  const [dashboard] = ofType('AWS::CloudWatch::Dashboard');
  const body = JSON.parse(
    (dashboard?.Properties.DashboardBody as { 'Fn::Sub': string } | undefined)?.['Fn::Sub'] ?? '{}',
  );
  const widgets = body.widgets as { type: string; properties: { metrics?: string[][]; query?: string } }[];
  const own = widgets.flatMap(({ properties: { metrics = [] } }) =>
    metrics.flatMap(([namespace, name]) => (namespace === 'acme' ? [name] : [])),
  );

  expect([...new Set(own)].sort()).toEqual(['JobsParked', 'JobsSucceeded', 'ReconcilerRuns', 'TimeToFinish']);
  expect(widgets.flatMap(({ properties: { query } }) => query ?? [])).toContainEqual(
    expect.stringMatching(/^SOURCE '\/aws\/lambda\/acme-feedback' \| .* by vendor$/),
  );
});

test('each function counts in its own tally, and the reconciler knows the limits and the time-outs of all', () => {
  const statements = (id: string) => JSON.stringify(acme.Resources[id]?.Properties.Policies);
  const limits = JSON.parse(variables('ReconcilerLambdaFunction').ALARM_LIMITS ?? '') as Record<string, unknown>;
  const timeouts = JSON.parse(variables('ReconcilerLambdaFunction').TIMEOUTS ?? '') as Record<string, number>;

  expect(statements('FeedbackIamRoleLambdaExecution')).toContain('"tally#acme-feedback"');
  expect(statements('EmailEventsIamRoleLambdaExecution')).toContain('"tally#acme-email-events"');
  expect(Object.keys(limits)).toEqual(['feedback', 'emails']);
  expect(variables('FeedbackLambdaFunction')).toMatchObject({ MONITORING: 'lean' });
  for (const [id, { Type, Properties }] of Object.entries(acme.Resources)) {
    const key = Object.keys(timeouts).find((each) => id === `${each[0]?.toUpperCase()}${each.slice(1)}LambdaFunction`);
    if (Type === 'AWS::Lambda::Function') expect([id, timeouts[key ?? '']]).toEqual([id, Properties.Timeout]);
  }
});
