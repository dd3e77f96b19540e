import { dashboardResources } from '../../../resources/dashboard';
import { readInstance } from '../../../resources/instances/read';

/** Fn::Sub must not take it for a variable. */
const BRAND = `Acme & \${Sons}`;

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html */
const PROPERTIES: Record<string, string[]> = {
  text: ['background', 'markdown'],
  alarm: ['alarms', 'sortBy', 'title'],
  log: ['query', 'region', 'title', 'view'],
  metric: ['legend', 'metrics', 'period', 'region', 'stacked', 'title', 'view', 'yAxis'],
};

test('the body has the structure and the size that CloudWatch accepts, and its first widget names the client', () => {
  const { rows } = readInstance('mht-api');
  const { Resources } = dashboardResources(
    { name: 'acme', stage: 'prod', rows, brand: BRAND, canaryEvery: 5 },
    { functions: rows.map(({ name }) => name), alarmNames: ['acme-feedback-oldest-message'] },
  );
  const { 'Fn::Sub': text } = (Resources?.Dashboard?.Properties.DashboardBody ?? {}) as { 'Fn::Sub': string };
  // CloudFormation fills in the variables. `${!name}` is the text `${name}`.
  const filled = text.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) =>
    literal ? `\${${name}}` : name,
  );
  const { widgets } = JSON.parse(filled) as { widgets: { type: string; properties: Record<string, unknown> }[] };

  expect(widgets.length).toBeGreaterThan(30);
  for (const { type, properties } of widgets) {
    const { annotations: _limits, ...others } = properties;
    expect(Object.keys(others).toSorted()).toEqual(PROPERTIES[type]);
    expect(others.region ?? 'AWS::Region').toBe('AWS::Region');
  }
  expect(Buffer.byteLength(filled)).toBeLessThan(1024 * 1024);
  expect(widgets[0]?.properties.markdown).toBe(`# ${BRAND}: acme, prod`);
});
