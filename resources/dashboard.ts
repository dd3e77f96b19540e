import { vendorsOf } from '../lib/errors';
import { dlqName, functionName, queueName } from '../lib/jobs/keys';
import type { WatchedFunction } from './alarms';
import type { Instance } from './instances/instance';
import type { QueueRow } from './instances/queue-row';
import { lambdaMetric, type Metric, ownMetric, sqsMetric } from './metric';
import type { Fragment } from './template';
import { alarmStates, graph, heading, layout, logTable, text, type Widget } from './widgets';

/** The instance's dashboard. Its tables ask the logs: CloudWatch bills each metric, and no log line. */
export function dashboardResources(
  of: Pick<Instance, 'name' | 'stage' | 'rows' | 'settings'>,
  { functions, alarmNames }: { functions: WatchedFunction[]; alarmNames: string[] },
): Fragment {
  const { name: instance, stage, rows, settings } = of;
  // A brand may look like a variable of Fn::Sub, in which `${!` stands for `${`.
  const client = settings.brand === undefined ? '' : `${settings.brand.replaceAll('${', '${!')}: `;
  const has = (queue: string) => rows.some(({ name }) => name === queue);
  const sections = [
    [text(`# ${client}${instance}, ${stage}`)],
    [alarmStates('Alarms', alarmNames)],
    ...rows.map((row) => queueSection(row, instance)),
    jobsSection(instance, rows, Boolean(settings.canaryEvery)),
    vendorSection(instance, vendorsOf(rows.map(({ name }) => name))),
    ...(has('emails') ? [emailSection(instance)] : []),
    ...(has('analytics') ? [analyticsSection(instance)] : []),
    functionSection(functions, instance),
  ];
  const body = { start: '-PT3H', periodOverride: 'inherit', widgets: layout(sections) };
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

const byName = (names: string[], metricOf: (name: string) => Metric): Record<string, Metric> =>
  Object.fromEntries(names.map((name) => [name, metricOf(name)]));

const limitsText = (alarms: QueueRow['alarms']): string =>
  `Limits: ${Object.entries(alarms)
    .map(([limit, value]) => `${limit} ${value}`)
    .join(', ')} (times in seconds)`;

function queueSection({ name, type, alarms }: QueueRow, instance: string): Widget[] {
  const main = queueName(instance, name, type);
  const dlq = dlqName(instance, name, type);
  const own = ownMetric(instance, { queue: name });
  const duration = (statistic: string) => lambdaMetric(functionName(instance, name), 'Duration', statistic);
  return [
    heading(name, 'messages, jobs and the worker of this queue'),
    text(limitsText(alarms)),
    graph(`${name}: messages`, 'Count', {
      sent: sqsMetric(main, 'NumberOfMessagesSent', 'Sum'),
      received: sqsMetric(main, 'NumberOfMessagesReceived', 'Sum'),
      deleted: sqsMetric(main, 'NumberOfMessagesDeleted', 'Sum'),
    }),
    graph(
      `${name}: depth`,
      'Count',
      {
        waiting: sqsMetric(main, 'ApproximateNumberOfMessagesVisible', 'Maximum'),
        'in flight': sqsMetric(main, 'ApproximateNumberOfMessagesNotVisible', 'Maximum'),
        'dead-letter queue': sqsMetric(dlq, 'ApproximateNumberOfMessagesVisible', 'Maximum'),
      },
      { dlqDepth: alarms.dlqDepth },
    ),
    graph(
      `${name}: oldest`,
      'Seconds',
      {
        message: sqsMetric(main, 'ApproximateAgeOfOldestMessage', 'Maximum'),
        'dead-letter queue entry': sqsMetric(dlq, 'ApproximateAgeOfOldestMessage', 'Maximum'),
      },
      { age: alarms.age },
    ),
    graph(`${name}: duration`, 'Milliseconds', byName(['p50', 'p95', 'p99'], duration)),
    graph(`${name}: outcomes`, 'Count', {
      succeeded: own('JobsSucceeded', 'Sum'),
      retried: own('JobsRetried', 'Sum'),
      dead: own('JobsDead', 'Sum'),
    }),
    graph(
      `${name}: from due to finish`,
      'Milliseconds',
      { average: own('TimeToFinish', 'Average'), p95: own('TimeToFinish', 'p95') },
      { finish: alarms.finish * 1000 },
    ),
  ];
}

function jobsSection(instance: string, rows: QueueRow[], canaries: boolean): Widget[] {
  const names = rows.map(({ name }) => name);
  const each = (metric: string, statistic: string) =>
    byName(names, (queue) => ownMetric(instance, { queue })(metric, statistic));
  const groups = names.map((name) => logGroup(instance, name));
  return [
    heading('Jobs', 'all queues'),
    graph('Jobs: oldest held', 'Milliseconds', each('OldestHeld', 'Maximum')),
    ...(canaries ? [graph('Jobs: share of canaries done in time', 'Count', each('Canary', 'Average'))] : []),
    logTable('Jobs: outcomes by error', {
      groups,
      query:
        "filter message = 'delivery handled' and outcome != 'succeeded' and outcome != 'late' | stats count(*) as deliveries, latest(jobId) as example by queue, outcome, reason, class, code | sort deliveries desc",
    }),
  ];
}

function vendorSection(instance: string, vendors: string[]): Widget[] {
  const each = (name: string, statistic: string) =>
    byName(vendors, (vendor) => ownMetric(instance, { vendor })(name, statistic));
  if (vendors.length === 0) return [];
  return [
    heading('Vendors', 'calls to outside services'),
    graph('Vendors: time p95', 'Milliseconds', each('VendorTime', 'p95')),
    graph('Vendors: calls', 'Count', each('VendorTime', 'SampleCount')),
    graph('Vendors: errors', 'Count', each('VendorErrors', 'Sum')),
  ];
}

function emailSection(instance: string): Widget[] {
  const own = ownMetric(instance);
  return [
    heading('Campaigns', 'chunks sent, and the events that SendGrid reports'),
    graph('Campaigns: chunks and mails', 'Count', {
      accepted: ownMetric(instance, { queue: 'emails' })('JobsSucceeded', 'Sum'),
      dead: ownMetric(instance, { queue: 'emails' })('JobsDead', 'Sum'),
    }),
    graph('Campaigns: events', 'Count', {
      accepted: own('EmailEvents', 'Sum'),
      'requests refused': lambdaMetric(functionName(instance, 'emailEvents'), 'Url4xxCount', 'Sum'),
    }),
    logTable('Campaigns: chunks by campaign', {
      groups: [logGroup(instance, 'emails')],
      query:
        "filter message = 'delivery handled' and ispresent(campaign) | stats count(*) as deliveries by campaign, outcome, code | sort deliveries desc",
    }),
  ];
}

function analyticsSection(instance: string): Widget[] {
  const own = ownMetric(instance);
  return [
    heading('Analytics', 'events into S3'),
    graph('Analytics: events', 'Count', {
      accepted: own('EventsAccepted', 'Sum'),
      rejected: own('EventsRejected', 'Sum'),
    }),
    graph(
      'Analytics: from API to S3',
      'Milliseconds',
      byName(['p50', 'p95'], (statistic) => own('TimeToStore', statistic)),
    ),
    logTable('Analytics: bytes stored a minute', {
      groups: [logGroup(instance, 'analytics')],
      query: "filter message = 'message stored' | stats sum(bytes) as bytes by bin(1m)",
      view: 'timeSeries',
    }),
    logTable('Analytics: events by name', {
      groups: [logGroup(instance, 'analytics')],
      query: "filter message = 'events stored' | stats sum(count) as events by event | sort events desc",
    }),
  ];
}

function functionSection(functions: WatchedFunction[], instance: string): Widget[] {
  const each = (metric: string) =>
    Object.fromEntries(functions.map(({ key, name }) => [key, lambdaMetric(name, metric, 'Sum')]));
  const own = ownMetric(instance);
  return [
    heading('Functions', 'all functions, and what the service must never do'),
    graph('Functions: errors', 'Count', each('Errors')),
    graph('Functions: throttles', 'Count', each('Throttles')),
    graph('Reconciler', 'Count', {
      runs: own('ReconcilerRuns', 'Sum'),
      'rows that do not parse': own('RowsDamaged', 'Maximum'),
      'alarms not sent': own('AlarmsNotSent', 'Maximum'),
    }),
    graph('Faults', 'Count', {
      'illegal transitions': own('IllegalTransitions', 'Sum'),
      'access denied': own('AccessDenied', 'Sum'),
    }),
  ];
}

const logGroup = (instance: string, key: string): string => `/aws/lambda/${functionName(instance, key)}`;
