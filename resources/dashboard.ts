import { dlqName, queueName } from '../lib/jobs/keys';
import { canarySection } from './canary';
import type { Context, Fragment } from './context';
import { DASHBOARD_ID } from './logical-id';
import type { QueueRow } from './queue-table';
import { alarmStates, graph, heading, type Line, layout, type Widget } from './widgets';

/**
 * One dashboard per instance, named like it: the alarms on top, a row per queue, then vendors and what is special.
 * `canaries` are the queues that have any.
 */
export function dashboardResources(
  { instance }: Context,
  { rows, canaries, alarmNames }: { rows: QueueRow[]; canaries: QueueRow[]; alarmNames: string[] },
): Fragment {
  const sections = [
    [alarmStates('Alarms', alarmNames)],
    ...rows.map((row) => queueSection(row, instance)),
    vendorSection(instance),
    ...(canaries.length > 0 ? [canarySection({ instance }, canaries)] : []),
    ...(rows.some(({ name }) => name === 'emails') ? [emailSection(instance)] : []),
    ...(rows.some(({ name }) => name === 'analytics') ? [analyticsSection(instance)] : []),
  ];
  const body = { start: '-PT3H', periodOverride: 'inherit', widgets: layout(sections) };
  return {
    Resources: {
      [DASHBOARD_ID]: {
        Type: 'AWS::CloudWatch::Dashboard',
        // Sub fills in region and account; nothing else in the text looks like one of its variables.
        Properties: { DashboardName: instance, DashboardBody: { 'Fn::Sub': JSON.stringify(body) } },
      },
    },
    Outputs: { DashboardName: { Description: 'Everything at a glance', Value: { Ref: DASHBOARD_ID } } },
  };
}

function queueSection({ name, type }: QueueRow, instance: string): Widget[] {
  const main = queueName(instance, name, type);
  const dlq = dlqName(instance, name, type);
  const sqs = (queue: string, metric: string, stat: string, label: string): Line => ({
    ...{ namespace: 'AWS/SQS', metric, stat, label },
    dimensions: { QueueName: queue },
  });
  const own = (metric: string, stat: string, label: string): Line => ({
    ...{ namespace: instance, metric, stat, label },
    dimensions: { queue: name },
  });
  const duration = (stat: string): Line => ({
    ...{ namespace: 'AWS/Lambda', metric: 'Duration', stat, label: stat },
    dimensions: { FunctionName: `${instance}-${name}` },
  });
  return [
    heading(name, 'messages, jobs and the function of this queue'),
    graph(`${name}: messages`, 'Count', [
      sqs(main, 'NumberOfMessagesSent', 'Sum', 'sent'),
      sqs(main, 'NumberOfMessagesReceived', 'Sum', 'received'),
      sqs(main, 'NumberOfMessagesDeleted', 'Sum', 'deleted'),
    ]),
    graph(`${name}: depth`, 'Count', [
      sqs(main, 'ApproximateNumberOfMessagesVisible', 'Maximum', 'waiting'),
      sqs(main, 'ApproximateNumberOfMessagesNotVisible', 'Maximum', 'in flight'),
      sqs(dlq, 'ApproximateNumberOfMessagesVisible', 'Maximum', 'dead-letter queue'),
    ]),
    graph(`${name}: oldest`, 'Seconds', [
      sqs(main, 'ApproximateAgeOfOldestMessage', 'Maximum', 'message'),
      sqs(dlq, 'ApproximateAgeOfOldestMessage', 'Maximum', 'dead-letter queue entry'),
    ]),
    graph(`${name}: duration`, 'Milliseconds', [duration('p50'), duration('p95'), duration('p99')]),
    graph(`${name}: outcomes`, 'Count', [
      own('JobsSucceeded', 'Sum', 'succeeded'),
      own('JobsRetried', 'Sum', 'retried'),
      own('JobsHeld', 'Sum', 'held'),
      own('JobsParked', 'Sum', 'parked'),
      own('MessagesReturned', 'Sum', 'returned untried'),
    ]),
    graph(`${name}: from due to`, 'Milliseconds', [
      own('TimeToStart', 'p95', 'start p95'),
      own('TimeToFinish', 'Average', 'finish average'),
      own('TimeToFinish', 'p95', 'finish p95'),
    ]),
  ];
}

const VENDORS = ['zendesk', 'sendgrid', 'app-store-connect'];

function vendorSection(instance: string): Widget[] {
  const each = (metric: string, stat: string): Line[] =>
    VENDORS.map((vendor) => ({ namespace: instance, metric, stat, label: vendor, dimensions: { vendor } }));
  return [
    heading('Vendors', 'calls to outside services'),
    graph('Vendors: time p95', 'Milliseconds', each('VendorTime', 'p95')),
    graph('Vendors: calls', 'Count', each('VendorTime', 'SampleCount')),
    graph('Vendors: errors', 'Count', each('VendorErrors', 'Sum')),
    graph('Vendors: asked to wait', 'Count', each('VendorThrottles', 'Sum')),
    graph('Vendors: stopped', 'Count', each('VendorStopped', 'Maximum')),
    graph('Reconciler', 'Count', [
      { namespace: instance, metric: 'ReconcilerRuns', stat: 'Sum', label: 'runs', dimensions: {} },
      { namespace: instance, metric: 'ReconcilerFailures', stat: 'Sum', label: 'failures', dimensions: {} },
    ]),
  ];
}

function emailSection(instance: string): Widget[] {
  const own = (metric: string, label: string): Line => ({
    ...{ namespace: instance, metric, label, stat: 'Sum' },
    dimensions: { queue: 'emails' },
  });
  return [
    heading('Campaigns', 'what was sent, and what SendGrid tells of it'),
    graph('Campaigns: chunks', 'Count', [own('JobsSucceeded', 'accepted'), own('JobsParked', 'refused')]),
    graph('Campaigns: paused themselves', 'Count', [own('CampaignsPaused', 'campaigns')]),
    graph('Campaigns: events', 'Count', [
      own('EmailEvents', 'taken'),
      own('EmailEventsRefused', 'refused'),
      own('ChunksWithoutEvents', 'chunks without any'),
    ]),
  ];
}

function analyticsSection(instance: string): Widget[] {
  const own = (metric: string, stat: string, label: string): Line => ({
    ...{ namespace: instance, metric, stat, label },
    dimensions: { queue: 'analytics' },
  });
  return [
    heading('Analytics', 'events into S3'),
    graph('Analytics: events', 'Count', [
      own('EventsAccepted', 'Sum', 'accepted'),
      own('EventsRejected', 'Sum', 'rejected'),
    ]),
    graph('Analytics: stored', 'Bytes', [own('BytesStored', 'Sum', 'bytes')]),
    graph('Analytics: from API to S3', 'Milliseconds', [
      own('TimeToStore', 'p50', 'p50'),
      own('TimeToStore', 'p95', 'p95'),
    ]),
  ];
}
