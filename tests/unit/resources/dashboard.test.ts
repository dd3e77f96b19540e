import { dashboardResources } from '../../../resources/dashboard';
import { readInstance } from '../../../resources/instances/read';

/** Fn::Sub must not take it for a variable. */
const BRAND = `Acme & \${Sons}`;

test('the body is JSON of a size that CloudWatch accepts, in the region of the stack, and first names the client', () => {
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
  const { widgets } = JSON.parse(filled) as { widgets: { properties: Record<string, unknown> }[] };

  expect(widgets.length).toBeGreaterThan(30);
  for (const { properties } of widgets) expect(properties.region ?? 'AWS::Region').toBe('AWS::Region');
  expect(Buffer.byteLength(filled)).toBeLessThan(1024 * 1024);
  expect(widgets[0]?.properties.markdown).toBe(`# ${BRAND}: acme, prod`);
});
