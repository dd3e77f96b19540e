import { randomUUID } from 'node:crypto';
import type http from 'node:http';
import type { GetMetricDataCommandInput, MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import { groupBy } from '../../lib/group-by';
import { jsonOf } from '../../lib/text';
import { ACCOUNT, REGION } from './cloud';
import type { EventBridge } from './emulators';
import type { EventSourceMapping } from './event-source-mapping';
import { answering, reply } from './fakes/server';
import type { Lambda } from './lambda/runtime';

export interface LocalMapping extends EventSourceMapping {
  queue: string;
  functionName: string;
}

interface ControlPlane {
  lambda: Pick<Lambda, 'invoke'>;
  mappings: readonly LocalMapping[];
  metrics: Pick<LocalMetrics, 'data'>;
  bridge: Pick<EventBridge, 'put'>;
  /** Gets an alarm that its function could not take. AWS would try twice more before that. */
  undelivered: (body: string) => void;
}

const PUBLISHED =
  '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>local</MessageId></PublishResult></PublishResponse>';
const UNKNOWN = { __type: 'InvalidAction', message: 'This call is not known here.' };

/** The calls to Lambda, CloudWatch, EventBridge and SNS. It evaluates no alarm. Messages invoke the alarms function one by one. */
export function controlPlane({ lambda, mappings, metrics, bridge, undelivered }: ControlPlane): http.RequestListener {
  let delivered: Promise<unknown> = Promise.resolve();

  async function deliver(input: URLSearchParams): Promise<void> {
    const [TopicArn, Subject, Message] = ['TopicArn', 'Subject', 'Message'].map((name) => input.get(name));
    const head = { Type: 'Notification', MessageId: randomUUID(), Timestamp: new Date().toISOString() };
    const Sns = { ...head, TopicArn, Subject, Message };
    const event = { Records: [{ EventSource: 'aws:sns', EventVersion: '1.0', Sns }] };
    const { kind } = await lambda.invoke('alarms', event);
    if (kind === 'answer') return;
    undelivered(JSON.stringify({ requestContext: { condition: 'RetriesExhausted' }, requestPayload: event }));
  }

  /** The answer as XML or JSON; `undefined` for a call that is not known here. */
  async function answerTo(request: http.IncomingMessage, body: string): Promise<string | object | undefined> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
    if (pathname.startsWith('/sns')) {
      const input = new URLSearchParams(body);
      if (input.get('Action') !== 'Publish') return undefined;
      delivered = delivered.then(() => deliver(input)).catch(() => {});
      return PUBLISHED;
    }
    const [, uuid] = /^\/lambda\/2015-03-31\/event-source-mappings\/?([^/]*)/.exec(pathname) ?? [];
    if (uuid !== undefined && request.method === 'GET') {
      const source = searchParams.get('EventSourceArn');
      return { EventSourceMappings: mappings.map(shown).filter(({ EventSourceArn }) => EventSourceArn === source) };
    }
    if (uuid !== undefined) {
      const mapping = mappings.find(({ queue }) => queue === uuid);
      if ((jsonOf(body) as { Enabled: boolean }).Enabled) mapping?.start();
      else void mapping?.stop();
      return mapping && shown(mapping);
    }
    const [service, action] = String(request.headers['x-amz-target']).split('.');
    if (service === 'AWSEvents') return bridge.put(jsonOf(body) as Parameters<EventBridge['put']>[0]);
    if (action === 'DescribeAlarms') return { MetricAlarms: [] };
    return action === 'GetMetricData' ? metrics.data(jsonOf(body) as GetMetricDataCommandInput) : undefined;
  }

  return answering(async (request, body) => {
    const answer = await answerTo(request, body);
    const headers = typeof answer === 'string' ? { 'content-type': 'text/xml' } : {};
    return answer ? reply(200, answer, headers) : reply(400, UNKNOWN);
  });
}

const shown = ({ queue, functionName, isOn }: LocalMapping) => ({
  UUID: queue,
  EventSourceArn: `arn:aws:sqs:${REGION}:${ACCOUNT}:${queue}`,
  FunctionArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${functionName}`,
  State: isOn() ? 'Enabled' : 'Disabled',
});

interface Metric {
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
}

interface MetricLine {
  _aws?: { CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }[] };
  [member: string]: unknown;
}

const MOST_POINTS = 10_000;

/** The metrics of this machine, as the console reads them from CloudWatch. */
export type LocalMetrics = ReturnType<typeof createMetrics>;

export function createMetrics() {
  const series = new Map<string, { at: number; value: number }[]>();
  const keyOf = ({ namespace, name, dimensions }: Metric) =>
    JSON.stringify([namespace, name, Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1))]);

  function put(metric: Metric, value: number): void {
    const key = keyOf(metric);
    series.set(key, [...(series.get(key) ?? []).slice(-MOST_POINTS), { at: Date.now(), value }]);
  }

  /** Takes the metrics of a function's log, which are in CloudWatch's embedded metric format. Ignores other lines. */
  function takeLog(lines: readonly string[]): void {
    for (const line of lines.map((text) => (jsonOf(text) ?? {}) as MetricLine))
      for (const { Namespace: namespace, Dimensions, Metrics } of line._aws?.CloudWatchMetrics ?? [])
        for (const names of Dimensions)
          for (const { Name: name } of Metrics) {
            const dimensions = Object.fromEntries(names.map((each) => [each, String(line[each])]));
            for (const value of [line[name]].flat()) put({ namespace, name, dimensions }, Number(value));
          }
  }

  /** CloudWatch's GetMetricData. Times are seconds since 1970. */
  function data({ MetricDataQueries = [], StartTime, EndTime }: GetMetricDataCommandInput): object {
    const resultOf = ({ Id, MetricStat }: MetricDataQuery) => {
      const { Metric = {}, Period = 60, Stat = 'Sum' } = MetricStat ?? {};
      const dimensions = Object.fromEntries((Metric.Dimensions ?? []).map(({ Name, Value }) => [Name, Value ?? '']));
      const key = keyOf({ namespace: Metric.Namespace ?? '', name: Metric.MetricName ?? '', dimensions });
      const periods = groupBy(series.get(key) ?? [], ({ at }) => Math.floor(at / 1000 / Period) * Period);
      const asked = [...periods].filter(([at]) => at + Period > Number(StartTime) && at < Number(EndTime));
      return {
        Id,
        Timestamps: asked.map(([at]) => at),
        Values: asked.map(([, points]) => statisticOf(Stat, points)),
        StatusCode: 'Complete',
      };
    };
    return { MetricDataResults: MetricDataQueries.map(resultOf) };
  }

  return { put, takeLog, data };
}

function statisticOf(statistic: string, points: { value: number }[]): number {
  const values = points.map(({ value }) => value);
  const sum = values.reduce((total, value) => total + value, 0);
  if (statistic === 'SampleCount') return values.length;
  const percent = Number(/^p(\d+)$/.exec(statistic)?.[1]);
  if (percent) return values.toSorted((a, b) => a - b)[Math.ceil((percent / 100) * values.length) - 1] ?? 0;
  return statistic === 'Average' ? sum / values.length : sum;
}
