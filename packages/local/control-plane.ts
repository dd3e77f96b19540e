import { randomUUID } from 'node:crypto';
import type http from 'node:http';
import type { GetMetricDataCommandInput } from '@aws-sdk/client-cloudwatch';
import { groupBy } from '../../lib/group-by';
import { jsonOf } from '../../lib/text';
import type { EventBridge } from './emulators';
import type { EventSourceMapping } from './event-source-mapping';
import { answering, type Reply, reply } from './fakes/server';
import type { Invocation, Lambda } from './lambda/runtime';
import { ACCOUNT, REGION } from './loopback';

/** The path of the function URL. */
export const EMAIL_EVENTS = '/aws/email-events';

interface LocalMapping extends EventSourceMapping {
  queue: string;
  functionName: string;
}

interface ControlPlane {
  lambda: Pick<Lambda, 'invoke'>;
  mappings: readonly LocalMapping[];
  metrics: Pick<LocalMetrics, 'data'>;
  bridge: Pick<EventBridge, 'put'>;
}

const PUBLISHED =
  '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>local</MessageId></PublishResult></PublishResponse>';
const UNKNOWN = { __type: 'InvalidAction', message: 'This call is not known on this machine.' };

/**
 * The calls to Lambda, CloudWatch, EventBridge and SNS, and the function URL for SendGrid's events. It evaluates no
 * alarm. Messages invoke the alarms function one by one.
 */
export function controlPlane({ lambda, mappings, metrics, bridge }: ControlPlane): http.RequestListener {
  let delivered: Promise<unknown> = Promise.resolve();

  const deliver = (input: URLSearchParams): Promise<unknown> => {
    const { TopicArn, Subject, Message } = Object.fromEntries(input);
    const head = { Type: 'Notification', MessageId: randomUUID(), Timestamp: new Date().toISOString() };
    const Sns = { ...head, TopicArn, Subject, Message };
    return lambda.invoke('alarms', { Records: [{ EventSource: 'aws:sns', EventVersion: '1.0', Sns }] });
  };

  /** Answers as a function URL does (payload 2.0): 429 if the function is throttled, 502 if it failed. */
  async function emailEvents({ method, headers }: http.IncomingMessage, body: string): Promise<Reply> {
    const result = await lambda.invoke('emailEvents', {
      ...{ version: '2.0', rawPath: '/', headers, requestContext: { http: { method, path: '/' } } },
      ...{ body: Buffer.from(body).toString('base64'), isBase64Encoded: true },
    });
    if (result.kind !== 'answer') return reply(result.kind === 'throttled' ? 429 : 502);
    return reply((result.value as { statusCode: number }).statusCode);
  }

  function answerTo({ method, url = '', headers }: http.IncomingMessage, body: string): object | undefined {
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    const [, uuid] = /\/2015-03-31\/event-source-mappings\/?([^/]*)/.exec(pathname) ?? [];
    if (uuid !== undefined && method === 'GET') {
      const source = searchParams.get('EventSourceArn');
      return { EventSourceMappings: mappings.map(shown).filter(({ EventSourceArn }) => EventSourceArn === source) };
    }
    if (uuid !== undefined) {
      const mapping = mappings.find(({ queue }) => queue === uuid);
      if ((jsonOf(body) as { Enabled: boolean }).Enabled) mapping?.start();
      else void mapping?.stop();
      return mapping && shown(mapping);
    }
    switch (String(headers['x-amz-target']).split('.')[1]) {
      case 'PutEvents':
        return bridge.put(jsonOf(body) as Parameters<EventBridge['put']>[0]);
      case 'DescribeAlarms':
        return { MetricAlarms: [] };
      case 'GetMetricData':
        return metrics.data(jsonOf(body) as GetMetricDataCommandInput);
    }
    return undefined;
  }

  return answering(async (request, body) => {
    if (request.url === EMAIL_EVENTS) return emailEvents(request, body);
    const form = new URLSearchParams(body);
    if (form.get('Action') === 'Publish') {
      delivered = delivered.then(() => deliver(form)).catch(() => {});
      return reply(200, PUBLISHED, { 'content-type': 'text/xml' });
    }
    const answer = answerTo(request, body);
    return answer ? reply(200, answer) : reply(400, UNKNOWN);
  });
}

const shown = ({ queue, functionName, isOn }: LocalMapping) => ({
  UUID: queue,
  EventSourceArn: `arn:aws:sqs:${REGION}:${ACCOUNT}:${queue}`,
  FunctionArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${functionName}`,
  State: isOn() ? 'Enabled' : 'Disabled',
});

interface MetricLine {
  _aws?: { CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }[] };
  [member: string]: unknown;
}

const MOST_POINTS = 10_000;

export type LocalMetrics = ReturnType<typeof createMetrics>;

export function createMetrics() {
  const series = new Map<string, { at: number; value: number }[]>();
  const keyOf = (namespace = '', name = '', dimensions: string[][] = []) =>
    [namespace, name, ...dimensions.map((each) => each.join('=')).sort()].join(' ');

  function put(key: string, value: number): void {
    const points = series.get(key) ?? [];
    points.push({ at: Date.now(), value });
    series.set(key, points.slice(-MOST_POINTS));
  }

  /** Takes an invocation's duration, and the metrics of its log in CloudWatch's embedded metric format. */
  function take({ functionName, ms, log }: Pick<Invocation, 'functionName' | 'ms' | 'log'>): void {
    put(keyOf('AWS/Lambda', 'Duration', [['FunctionName', functionName]]), ms);
    for (const line of log.map((text) => (jsonOf(text) ?? {}) as MetricLine))
      for (const { Namespace, Dimensions, Metrics } of line._aws?.CloudWatchMetrics ?? [])
        for (const names of Dimensions)
          for (const { Name } of Metrics) {
            const key = keyOf(
              Namespace,
              Name,
              names.map((each) => [each, String(line[each])]),
            );
            for (const value of [line[Name]].flat()) put(key, Number(value));
          }
  }

  /** CloudWatch's GetMetricData. Times are seconds since 1970. */
  function data({ MetricDataQueries = [], StartTime, EndTime }: GetMetricDataCommandInput): object {
    const MetricDataResults = MetricDataQueries.map(
      ({ Id, MetricStat: { Metric = {}, Period = 60, Stat = '' } = {} }) => {
        const dimensions = Metric.Dimensions?.map(({ Name = '', Value = '' }) => [Name, Value]);
        const points = series.get(keyOf(Metric.Namespace, Metric.MetricName, dimensions)) ?? [];
        const periods = groupBy(points, ({ at }) => Math.floor(at / 1000 / Period) * Period);
        const asked = [...periods].filter(([at]) => at + Period > Number(StartTime) && at < Number(EndTime));
        const Values = asked.map(([, of]) =>
          statisticOf(
            Stat,
            of.map(({ value }) => value),
          ),
        );
        return { Id, Timestamps: asked.map(([at]) => at), Values };
      },
    );
    return { MetricDataResults };
  }

  return { take, data };
}

function statisticOf(statistic: string, values: number[]): number {
  if (statistic === 'SampleCount') return values.length;
  const percent = Number(/^p(\d+)$/.exec(statistic)?.[1]);
  if (percent) return values.toSorted((a, b) => a - b)[Math.ceil((percent / 100) * values.length) - 1] ?? 0;
  const sum = values.reduce((total, value) => total + value, 0);
  return statistic === 'Average' ? sum / values.length : sum;
}
