import * as z from 'zod';
import { dashboardResources } from '../../../resources/dashboard';
import { queueRow } from '../../support/queue-row';

/** Fn::Sub must not take it for a variable. */
const BRAND = `Acme & \${Sons}`;
const queues = ['feedback', 'emails', 'analytics', 'testflight'];
const rows = queues.map((name) => queueRow(name));

/** The body after CloudFormation has filled in the variables. */
function bodyOf(names = queues, changes: object = {}) {
  const chosen = rows.filter(({ name }) => names.includes(name));
  const { Resources } = dashboardResources(
    { name: 'acme', stage: 'prod', rows: chosen, settings: { brand: BRAND, canaryEvery: 5 }, ...changes },
    {
      functions: chosen.map(({ name }) => ({ key: name, name: `acme-${name}`, reserved: false })),
      alarmNames: ['acme-feedback-oldest-message', 'acme-reconciler-missing'],
    },
  );
  const { 'Fn::Sub': text } = (Resources?.Dashboard?.Properties.DashboardBody ?? { 'Fn::Sub': '' }) as {
    'Fn::Sub': string;
  };
  const variables: Record<string, string> = {
    'AWS::Partition': 'aws',
    'AWS::Region': 'us-east-1',
    'AWS::AccountId': '123456789012',
  };
  // `${!name}` is the text `${name}`.
  const filled = text.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) =>
    literal ? `\${${name}}` : (variables[name] ?? 'unknown'),
  );
  return { text: filled, body: structure.parse(JSON.parse(filled)) };
}

const place = {
  x: z.int().min(0).max(23),
  y: z.int().min(0),
  width: z.int().min(1).max(24),
  height: z.int().min(1).max(1000),
};
const stat = z.string().regex(/^(Sum|Average|Maximum|Minimum|SampleCount|p\d{1,2}(\.\d+)?)$/);
/** A namespace, a metric, pairs of dimensions, and display options. */
const metric = z
  .array(z.union([z.string().min(1), z.strictObject({ stat, label: z.string().min(1) })]))
  .refine((parts) => parts.length % 2 === 1 && parts.length <= 3 + 2 * 30, 'dimensions come in pairs')
  .refine((parts) => parts.slice(0, -1).every((part) => typeof part === 'string') && typeof parts.at(-1) === 'object');

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html */
const structure = z.strictObject({
  start: z.string().regex(/^-P(T\d+H|\d+D)$/),
  periodOverride: z.enum(['auto', 'inherit']),
  widgets: z
    .array(
      z.discriminatedUnion('type', [
        z.strictObject({
          type: z.literal('text'),
          ...place,
          properties: z.strictObject({ markdown: z.string().min(1), background: z.enum(['transparent', 'solid']) }),
        }),
        z.strictObject({
          type: z.literal('log'),
          ...place,
          properties: z.strictObject({
            title: z.string().min(1),
            view: z.enum(['table', 'timeSeries']),
            region: z.literal('us-east-1'),
            query: z
              .string()
              .regex(/^(SOURCE '\/aws\/lambda\/acme-[a-z]+' \| )+filter .* \| stats [^|]*( \| sort \w+ desc)?$/),
          }),
        }),
        z.strictObject({
          type: z.literal('alarm'),
          ...place,
          properties: z.strictObject({
            title: z.string().min(1),
            sortBy: z.enum(['default', 'stateUpdatedTimestamp', 'timestamp']),
            alarms: z.array(z.string().startsWith('arn:aws:cloudwatch:')).min(1).max(100),
          }),
        }),
        z.strictObject({
          type: z.literal('metric'),
          ...place,
          properties: z.strictObject({
            title: z.string().min(1),
            view: z.enum(['timeSeries', 'singleValue', 'gauge', 'bar', 'pie', 'table']),
            stacked: z.boolean(),
            region: z.literal('us-east-1'),
            period: z.int().refine((seconds) => seconds % 60 === 0),
            metrics: z.array(metric).min(1).max(500),
            yAxis: z.strictObject({
              left: z.strictObject({ label: z.string().min(1), min: z.number(), showUnits: z.boolean() }),
            }),
            annotations: z
              .strictObject({
                horizontal: z.array(z.strictObject({ label: z.string().min(1), value: z.number() })).min(1),
              })
              .optional(),
            legend: z.strictObject({ position: z.enum(['bottom', 'right', 'hidden']) }),
          }),
        }),
      ]),
    )
    .max(500),
});
type AWidget = z.infer<typeof structure>['widgets'][number];

test('the body has the structure and the size that CloudWatch accepts', () => {
  const { text, body } = bodyOf();

  expect(body.widgets.length).toBeGreaterThan(30);
  expect(Buffer.byteLength(text)).toBeLessThan(1024 * 1024);
});

test('every widget is on the grid, and no two overlap', () => {
  const { widgets } = bodyOf().body;
  const overlap = (a: AWidget, b: AWidget) =>
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

  expect(widgets.filter(({ x, width }) => x + width > 24)).toEqual([]);
  for (const [index, widget] of widgets.entries())
    expect(widgets.slice(index + 1).filter((other) => overlap(widget, other))).toEqual([]);
});

test('the first widget names the client by its brand, and an instance without one by its name', () => {
  const first = (brand: string | undefined) => bodyOf(queues, { settings: { brand } }).body.widgets[0]?.properties;

  expect(first(BRAND)).toMatchObject({ markdown: `# ${BRAND}: acme, prod` });
  expect(first(undefined)).toMatchObject({ markdown: '# acme, prod' });
});

test('each queue shows the limits of its alarms as text, and as lines in the graphs of the same metric', () => {
  const { widgets } = bodyOf(['feedback']).body;
  const texts = widgets.flatMap(({ properties }) => ('markdown' in properties ? properties.markdown : []));
  const lines = widgets.flatMap(({ properties }) =>
    'annotations' in properties ? [[properties.title, properties.annotations?.horizontal]] : [],
  );

  expect(texts).toContainEqual(
    expect.stringContaining(
      'Limits: dlqDepth 5, held 3600, age 1800, errorRate 1, errorRateJobs 100, canary 2, finish 30 (times in seconds)',
    ),
  );
  expect(lines).toEqual([
    ['feedback: depth', [{ label: 'dlqDepth', value: 5 }]],
    ['feedback: oldest', [{ label: 'age', value: 1800 }]],
    ['feedback: from due to finish', [{ label: 'finish', value: 30_000 }]],
  ]);
});

test('each queue has one row of six graphs with its name in their titles', () => {
  const { widgets } = bodyOf().body;

  for (const queue of queues) {
    const own = widgets.filter(
      (widget) => widget.type === 'metric' && widget.properties.title.startsWith(`${queue}: `),
    );
    expect([queue, own.length, new Set(own.map(({ y }) => y)).size]).toEqual([queue, 6, 1]);
  }
});

test('each axis has one unit, and each title is unique', () => {
  const graphs = bodyOf().body.widgets.flatMap((widget) => (widget.type === 'metric' ? [widget.properties] : []));
  const titles = graphs.map(({ title }) => title);

  expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([]);
  for (const { metrics, yAxis, title } of graphs)
    for (const [, name] of metrics)
      expect([title, String(name), yAxis.left.label]).toEqual([title, String(name), unitOf(String(name), title)]);
});

test('the graphs about campaigns and analytics appear only with their queues', () => {
  const titles = (names: string[]) =>
    bodyOf(names).body.widgets.flatMap(({ properties }) => ('title' in properties ? properties.title : []));

  expect(titles(['feedback']).filter((title) => /^(Campaigns|Analytics)/.test(title))).toEqual([]);
  expect(titles(queues).filter((title) => /^(Campaigns|Analytics)/.test(title))).toHaveLength(7);
});

/** The unit of a metric. The number of samples is a count. */
function unitOf(name: string, title: string): string {
  if (title.endsWith(': calls')) return 'Count';
  if (/AgeOfOldest/.test(name)) return 'Seconds';
  return /^(Duration|Time|VendorTime|OldestHeld)/.test(name) ? 'Milliseconds' : 'Count';
}
