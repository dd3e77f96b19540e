import { isLeanMetric } from '../lib/alarms/measurements';
import { lambdaMetric, type Metric, ownMetric, sqsMetric } from '../lib/alarms/specs/metric';
import { vendorsOf } from '../lib/errors';
import type { QueueRow } from '../lib/instances/queue-row';
import { dlqName, queueName } from '../lib/jobs/keys';
import { canarySection } from './canary';
import type { Context } from './context';
import { DASHBOARD_ID } from './logical-id';
import type { Fragment } from './template';
import { alarmStates, graph, heading, layout, text, type Widget, withMetrics } from './widgets';

/**
 * The dashboard, named like the instance: the client, the alarms, a row per queue, the vendors, and rows for canaries,
 * campaigns and analytics. `canaries`: the queues that have canaries. With lean monitoring, `queries` ask the logs for what
 * has no metric.
 */
export function dashboardResources(
  context: Context,
  {
    rows,
    canaries,
    alarmNames,
    queries = [],
  }: { rows: QueueRow[]; canaries: QueueRow[]; alarmNames: string[]; queries?: Widget[] },
): Fragment {
  const { instance } = context;
  const sections = [
    [title(context)],
    [alarmStates('Alarms', alarmNames)],
    ...rows.map((row) => queueSection(row, instance)),
    vendorSection(instance, vendorsOf(rows.map(({ name }) => name))),
    ...(canaries.length > 0 ? [canarySection({ instance }, canaries)] : []),
    ...(rows.some(({ name }) => name === 'emails') ? [emailSection(instance)] : []),
    ...(rows.some(({ name }) => name === 'analytics') ? [analyticsSection(instance)] : []),
  ];
  const lean = queries.length > 0;
  const exists = ({ namespace, name, dimensions }: Pick<Metric, 'namespace' | 'name' | 'dimensions'>) =>
    namespace !== instance || isLeanMetric(name, dimensions);
  const shown = lean
    ? [
        ...sections.map((section) => withMetrics(section, exists)),
        [heading('Details', 'from the logs, in the chosen time'), ...queries],
      ]
    : sections;
  const body = { start: '-PT3H', periodOverride: 'inherit', widgets: layout(shown) };
  return {
    Resources: {
      [DASHBOARD_ID]: {
        Type: 'AWS::CloudWatch::Dashboard',
        // Fn::Sub fills in region and account. No other text in the body looks like one of its variables.
        Properties: { DashboardName: instance, DashboardBody: { 'Fn::Sub': JSON.stringify(body) } },
      },
    },
    Outputs: { DashboardName: { Description: 'Dashboard of this instance', Value: { Ref: DASHBOARD_ID } } },
  };
}

/** A brand may look like a variable of Fn::Sub, in which `${!` stands for `${`. */
const title = ({ instance, stage, brand }: Context): Widget => {
  const client = brand === undefined ? '' : `${brand.replaceAll('${', '${!')}: `;
  return text(`# ${client}${instance}, ${stage}`);
};

/** The limits of a queue's alarms, by the names that they have in the instance's file. */
const limitsText = (alarms: QueueRow['alarms']): string =>
  `Limits: ${Object.entries(alarms)
    .map(([limit, value]) => `${limit} ${value}`)
    .join(', ')} (times in seconds)`;

function queueSection({ name, type, alarms }: QueueRow, instance: string): Widget[] {
  const main = queueName(instance, name, type);
  const dlq = dlqName(instance, name, type);
  const own = ownMetric(instance, { queue: name });
  const duration = (statistic: string) => lambdaMetric(`${instance}-${name}`, 'Duration', statistic);
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
      { backlog: alarms.backlog },
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
    graph(`${name}: duration`, 'Milliseconds', {
      p50: duration('p50'),
      p95: duration('p95'),
      p99: duration('p99'),
    }),
    graph(`${name}: outcomes`, 'Count', {
      succeeded: own('JobsSucceeded', 'Sum'),
      retried: own('JobsRetried', 'Sum'),
      held: own('JobsHeld', 'Sum'),
      parked: own('JobsParked', 'Sum'),
      'returned untried': own('MessagesReturned', 'Sum'),
    }),
    graph(
      `${name}: time from due`,
      'Milliseconds',
      {
        'start p95': own('TimeToStart', 'p95'),
        'finish average': own('TimeToFinish', 'Average'),
        'finish p95': own('TimeToFinish', 'p95'),
      },
      { finish: alarms.finish * 1000 },
    ),
  ];
}

function vendorSection(instance: string, vendors: string[]): Widget[] {
  const each = (name: string, statistic: string) =>
    Object.fromEntries(vendors.map((vendor) => [vendor, ownMetric(instance, { vendor })(name, statistic)]));
  const own = ownMetric(instance);
  return [
    heading('Vendors', 'calls to outside services'),
    ...(vendors.length === 0
      ? []
      : [
          graph('Vendors: time p95', 'Milliseconds', each('VendorTime', 'p95')),
          graph('Vendors: calls', 'Count', each('VendorTime', 'SampleCount')),
          graph('Vendors: errors', 'Count', each('VendorErrors', 'Sum')),
          graph('Vendors: requests to wait', 'Count', each('VendorThrottles', 'Sum')),
          graph('Vendors: circuit breaker open', 'Count', each('VendorStopped', 'Maximum')),
        ]),
    graph('Reconciler', 'Count', {
      runs: own('ReconcilerRuns', 'Sum'),
      failures: own('ReconcilerFailures', 'Sum'),
    }),
  ];
}

function emailSection(instance: string): Widget[] {
  const own = ownMetric(instance, { queue: 'emails' });
  return [
    heading('Campaigns', 'chunks sent, and the events that SendGrid reports'),
    graph('Campaigns: chunks', 'Count', { accepted: own('JobsSucceeded', 'Sum'), refused: own('JobsParked', 'Sum') }),
    graph('Campaigns: paused automatically', 'Count', { campaigns: own('CampaignsPaused', 'Sum') }),
    graph('Campaigns: events', 'Count', {
      accepted: own('EmailEvents', 'Sum'),
      refused: own('EmailEventsRefused', 'Sum'),
      'of other instances': own('EmailEventsForeign', 'Sum'),
      'chunks without events': own('ChunksWithoutEvents', 'Sum'),
    }),
  ];
}

function analyticsSection(instance: string): Widget[] {
  const own = ownMetric(instance, { queue: 'analytics' });
  return [
    heading('Analytics', 'events into S3'),
    graph('Analytics: events', 'Count', {
      accepted: own('EventsAccepted', 'Sum'),
      rejected: own('EventsRejected', 'Sum'),
    }),
    graph('Analytics: stored', 'Bytes', { bytes: own('BytesStored', 'Sum') }),
    graph('Analytics: from API to S3', 'Milliseconds', {
      p50: own('TimeToStore', 'p50'),
      p95: own('TimeToStore', 'p95'),
    }),
  ];
}
