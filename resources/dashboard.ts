import { dlqName, functionName, queueName } from '../lib/engine/jobs/keys';
import { vendorsOf } from '../lib/queues/queues';
import { lambdaMetrics, type Metric, type MetricsOf, ownMetrics, sqsMetrics } from './alarms';
import type { QueueRow } from './instances/file';
import type { Instance } from './instances/instance';
import { arn, type Fragment, inParts } from './template';

/** The instance's dashboard. Its tables ask the logs: CloudWatch bills each metric, and no log line. */
export function dashboardResources(
  of: Pick<Instance, 'name' | 'stage' | 'rows' | 'brand' | 'canaryEvery'>,
  { functions, alarmNames }: { functions: string[]; alarmNames: string[] },
): Fragment {
  const { name: instance, stage, rows, brand, canaryEvery } = of;
  // A brand may look like a variable of Fn::Sub, in which `${!` stands for `${`.
  const client = brand ? `${brand.replaceAll('${', '${!')}: ` : '';
  const names = rows.map(({ name }) => name);
  const widgets = [
    text(`# ${client}${instance}, ${stage}`),
    ...inParts(alarmNames, MOST_ALARMS).map(alarmStates),
    ...rows.flatMap((row) => queueSection(row, instance)),
    ...jobsSection(instance, names, canaryEvery > 0),
    ...vendorSection(instance, vendorsOf(names)),
    ...(names.includes('emails') ? emailSection(instance) : []),
    ...(names.includes('analytics') ? analyticsSection(instance) : []),
    ...functionSection(functions, instance),
  ];
  const body = { start: '-PT3H', periodOverride: 'inherit', widgets };
  return {
    Resources: {
      Dashboard: {
        Type: 'AWS::CloudWatch::Dashboard',
        // Fn::Sub fills in region and account. No other text in the body looks like one of its variables.
        Properties: { DashboardName: instance, DashboardBody: { 'Fn::Sub': JSON.stringify(body) } },
      },
    },
    Outputs: { DashboardName: { Description: 'Dashboard of this instance', Value: { Ref: 'Dashboard' } } },
  };
}

const lines = (of: MetricsOf, statistic: string, names: Record<string, string>): Record<string, Metric> =>
  Object.fromEntries(Object.entries(names).map(([label, name]) => [label, of(name, statistic)]));

const each = (labels: string[], metricOf: (label: string) => Metric): Record<string, Metric> =>
  Object.fromEntries(labels.map((label) => [label, metricOf(label)]));

function queueSection({ name, type, alarms }: QueueRow, instance: string) {
  const main = sqsMetrics(queueName(instance, name, type));
  const dlq = sqsMetrics(dlqName(instance, name, type));
  const own = ownMetrics(instance, { queue: name });
  const limits = Object.entries(alarms).map((limit) => limit.join(' '));
  const messages = {
    sent: 'NumberOfMessagesSent',
    received: 'NumberOfMessagesReceived',
    deleted: 'NumberOfMessagesDeleted',
  };
  const depth = {
    waiting: main('ApproximateNumberOfMessagesVisible', 'Maximum'),
    'in flight': main('ApproximateNumberOfMessagesNotVisible', 'Maximum'),
    'dead-letter queue': dlq('ApproximateNumberOfMessagesVisible', 'Maximum'),
  };
  const oldest = {
    message: main('ApproximateAgeOfOldestMessage', 'Maximum'),
    'dead-letter queue entry': dlq('ApproximateAgeOfOldestMessage', 'Maximum'),
  };
  const outcomes = { succeeded: 'JobsSucceeded', retried: 'JobsRetried', dead: 'JobsDead' };
  const finish = { average: own('TimeToFinish', 'Average'), p95: own('TimeToFinish', 'p95') };
  const worker = lambdaMetrics(functionName(instance, name));
  const duration = each(['p50', 'p95', 'p99'], (part) => worker('Duration', part));
  return [
    heading(name, 'messages, jobs and the worker of this queue'),
    text(`Limits: ${limits.join(', ')} (times in seconds)`),
    graph(`${name}: messages`, 'Count', lines(main, 'Sum', messages)),
    graph(`${name}: depth`, 'Count', depth, { dlqDepth: alarms.dlqDepth }),
    graph(`${name}: oldest`, 'Seconds', oldest, { age: alarms.age }),
    graph(`${name}: duration`, 'Milliseconds', duration),
    graph(`${name}: outcomes`, 'Count', lines(own, 'Sum', outcomes)),
    graph(`${name}: from due to finish`, 'Milliseconds', finish, { finish: alarms.finish * 1000 }),
  ];
}

function jobsSection(instance: string, names: string[], canaries: boolean) {
  const ofQueues = (metric: string, statistic: string) =>
    each(names, (queue) => ownMetrics(instance, { queue })(metric, statistic));
  return [
    heading('Jobs', 'all queues'),
    graph('Jobs: oldest held', 'Milliseconds', ofQueues('OldestHeld', 'Maximum')),
    ...(canaries ? [graph('Jobs: share of canaries done in time', 'Count', ofQueues('Canary', 'Average'))] : []),
    logTable(
      'Jobs: outcomes by error',
      names.map((name) => logGroup(instance, name)),
      "filter message = 'delivery handled' and outcome not in ['succeeded', 'late', 'copied'] | stats count(*) as deliveries, latest(jobId) as example by queue, outcome, reason, class, code | sort deliveries desc",
    ),
    searched('Jobs: succeeded without', `{${instance},queue,what,code} MetricName="JobsWithout"`),
  ];
}

function vendorSection(instance: string, vendors: string[]) {
  const ofVendors = (metric: string, statistic: string) =>
    each(vendors, (vendor) => ownMetrics(instance, { vendor })(metric, statistic));
  if (vendors.length === 0) return [];
  return [
    heading('Vendors', 'calls to outside services'),
    graph('Vendors: time p95', 'Milliseconds', ofVendors('VendorTime', 'p95')),
    graph('Vendors: calls', 'Count', ofVendors('VendorTime', 'SampleCount')),
    graph('Vendors: errors', 'Count', ofVendors('VendorErrors', 'Sum')),
  ];
}

/** From the webhook's lines (lib/queues/emails/events/webhook.ts). What SendGrid repeats counts again. */
const REPORTED =
  "filter message = 'events stored' | stats sum(processed) as sent, sum(delivered) as delivered, sum(deferred) as deferred, sum(bounce) as bounced, sum(spamreport) as reported by bin(5m)";

function emailSection(instance: string) {
  const chunks = { accepted: 'JobsSucceeded', dead: 'JobsDead' };
  const refused = lambdaMetrics(functionName(instance, 'emailEvents'))('Url4xxCount', 'Sum');
  const events = { accepted: ownMetrics(instance)('EmailEvents', 'Sum'), 'requests refused': refused };
  return [
    heading('Campaigns', 'chunks sent, and the events that SendGrid reports'),
    graph('Campaigns: chunks and mails', 'Count', lines(ownMetrics(instance, { queue: 'emails' }), 'Sum', chunks)),
    graph('Campaigns: events', 'Count', events),
    logTable('Campaigns: mails as SendGrid reports them', [logGroup(instance, 'emailEvents')], REPORTED, 'timeSeries'),
    logTable(
      'Campaigns: chunks by campaign',
      [logGroup(instance, 'emails')],
      "filter message = 'delivery handled' and ispresent(campaign) | stats count(*) as deliveries by campaign, outcome, code | sort deliveries desc",
    ),
  ];
}

function analyticsSection(instance: string) {
  const own = ownMetrics(instance);
  const groups = [logGroup(instance, 'analytics')];
  const bytes = "filter message = 'message stored' | stats sum(bytes) as bytes by bin(1m)";
  const names = "filter message = 'events stored' | stats sum(count) as events by event | sort events desc";
  const events = lines(own, 'Sum', { accepted: 'EventsAccepted', rejected: 'EventsRejected' });
  const toStore = each(['p50', 'p95'], (part) => own('TimeToStore', part));
  return [
    heading('Analytics', 'events into S3'),
    graph('Analytics: events', 'Count', events),
    graph('Analytics: from API to S3', 'Milliseconds', toStore),
    logTable('Analytics: bytes stored a minute', groups, bytes, 'timeSeries'),
    logTable('Analytics: events by name', groups, names),
  ];
}

function functionSection(functions: string[], instance: string) {
  const ofFunctions = (metric: string) =>
    each(functions, (key) => lambdaMetrics(functionName(instance, key))(metric, 'Sum'));
  const own = ownMetrics(instance);
  const reconciler = {
    runs: own('ReconcilerRuns', 'Sum'),
    'rows that do not parse': own('RowsDamaged', 'Maximum'),
    'alarms not sent': own('AlarmsNotSent', 'Maximum'),
  };
  const faults = { 'illegal transitions': 'IllegalTransitions', 'access denied': 'AccessDenied' };
  return [
    heading('Functions', 'all functions, and what the service must never do'),
    graph('Functions: errors', 'Count', ofFunctions('Errors')),
    graph('Functions: throttles', 'Count', ofFunctions('Throttles')),
    graph('Reconciler', 'Count', reconciler),
    graph('Faults', 'Count', lines(own, 'Sum', faults)),
    logTable(
      'Faults of the code',
      functions.map((key) => logGroup(instance, key)),
      'filter ispresent(frames) | stats count(*) as times, latest(jobId) as example by code, error, frames | sort times desc',
    ),
  ];
}

const logGroup = (instance: string, key: string): string => `/aws/lambda/${functionName(instance, key)}`;

/**
 * Without a position, a widget takes the next free one on a grid of 24 columns.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
 */
const COLUMNS = 24;
const GRAPHS = 6;

const text = (markdown: string) => ({
  type: 'text',
  width: COLUMNS,
  height: 1,
  properties: { markdown, background: 'transparent' },
});

const heading = (title: string, about: string) => text(`## ${title}: ${about}`);

/** Lines over time: metrics by their labels. `unit` labels the left axis. `limits`: level lines by their labels. */
function graph(
  title: string,
  unit: 'Count' | 'Seconds' | 'Milliseconds',
  lines: Record<string, Metric>,
  limits: Record<string, number> = {},
) {
  const horizontal = Object.entries(limits).map(([label, value]) => ({ label, value }));
  return {
    type: 'metric',
    width: COLUMNS / GRAPHS,
    height: 6,
    properties: {
      title,
      view: 'timeSeries',
      stacked: false,
      region: `\${AWS::Region}`,
      period: 60,
      metrics: Object.entries(lines).map(([label, { namespace, name, dimensions, statistic }]) => [
        namespace,
        name,
        ...Object.entries(dimensions).flat(),
        { stat: statistic, label },
      ]),
      yAxis: { left: { label: unit, min: 0, showUnits: false } },
      ...(horizontal.length > 0 && { annotations: { horizontal } }),
      legend: { position: 'bottom' },
    },
  };
}

/** What a search for metrics finds, for metrics that exist only while there is something to count. */
function searched(title: string, search: string) {
  const { properties, ...widget } = graph(title, 'Count', {});
  return { ...widget, properties: { ...properties, metrics: [[{ expression: `SEARCH('${search}', 'Sum')` }]] } };
}

/** The answer of the functions' logs to a query of CloudWatch Logs Insights, which runs when a person looks. */
const logTable = (title: string, groups: string[], query: string, view: 'table' | 'timeSeries' = 'table') => ({
  type: 'log',
  width: COLUMNS / 2,
  height: 6,
  properties: {
    title,
    view,
    region: `\${AWS::Region}`,
    query: [...groups.map((group) => `SOURCE '${group}'`), query].join(' | '),
  },
});

/** CloudWatch shows so many in one widget. */
const MOST_ALARMS = 100;

const alarmStates = (names: string[]) => ({
  type: 'alarm',
  width: COLUMNS,
  height: 3,
  properties: {
    title: 'Alarms',
    sortBy: 'stateUpdatedTimestamp',
    alarms: names.map((name) => arn('cloudwatch', `alarm:${name}`)['Fn::Sub']),
  },
});
