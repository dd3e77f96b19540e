import { dashboardResources } from '../../../resources/dashboard';
import { queueRow } from '../../support/queue-row';

/** Fn::Sub must not take it for a variable. */
const BRAND = `Acme & \${Sons}`;
const queues = ['feedback', 'emails', 'analytics', 'testflight'];
const rows = queues.map((name) => queueRow(name));

interface AWidget {
  type: string;
  properties: { title?: string; markdown?: string; region?: string; annotations?: { horizontal: object[] } };
}

/** The body after CloudFormation has filled in the variables. */
function bodyOf() {
  const { Resources } = dashboardResources(
    { name: 'acme', stage: 'prod', rows, brand: BRAND, canaryEvery: 5 },
    { functions: queues, alarmNames: ['acme-feedback-oldest-message'] },
  );
  const { 'Fn::Sub': text } = (Resources?.Dashboard?.Properties.DashboardBody ?? {}) as { 'Fn::Sub': string };
  const pseudo = { 'AWS::Partition': 'aws', 'AWS::Region': 'us-east-1', 'AWS::AccountId': '123456789012' };
  const variables: Record<string, string> = pseudo;
  // `${!name}` is the text `${name}`.
  const filled = text.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) =>
    literal ? `\${${name}}` : (variables[name] ?? 'unknown'),
  );
  return { text: filled, body: JSON.parse(filled) as { widgets: AWidget[] } };
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html */
const PROPERTIES: Record<string, string[]> = {
  text: ['background', 'markdown'],
  alarm: ['alarms', 'sortBy', 'title'],
  log: ['query', 'region', 'title', 'view'],
  metric: ['legend', 'metrics', 'period', 'region', 'stacked', 'title', 'view', 'yAxis'],
};

test('the body has the structure and the size that CloudWatch accepts', () => {
  const { text, body } = bodyOf();

  expect(body.widgets.length).toBeGreaterThan(30);
  for (const { type, properties } of body.widgets) {
    const { annotations: _limits, ...others } = properties;
    expect(Object.keys(others).toSorted()).toEqual(PROPERTIES[type]);
    expect(others.region ?? 'us-east-1').toBe('us-east-1');
  }
  expect(Buffer.byteLength(text)).toBeLessThan(1024 * 1024);
  expect(body.widgets[0]?.properties.markdown).toBe(`# ${BRAND}: acme, prod`);
});
