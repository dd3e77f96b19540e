import type http from 'node:http';
import { json } from 'node:stream/consumers';
import type { GetMetricDataCommandInput, MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import { ACCOUNT, REGION } from './cloud';
import type { LocalMapping } from './functions';
import type { LocalMetrics } from './metrics';

interface ControlPlane {
  mappings: readonly LocalMapping[];
  metrics: Pick<LocalMetrics, 'read'>;
}

/**
 * Serves what `sls queues` and the console ask of Lambda and of CloudWatch: ListEventSourceMappings,
 * UpdateEventSourceMapping, GetMetricData and DescribeAlarms. No alarm of CloudWatch is evaluated here. It refuses other
 * calls.
 */
export const controlPlane =
  (plane: ControlPlane): http.RequestListener =>
  (request, response) => {
    answerTo(plane, request)
      .then((body) => {
        response.writeHead(body ? 200 : 400, { 'content-type': 'application/x-amz-json-1.0' });
        response.end(JSON.stringify(body ?? { __type: 'InvalidAction', message: 'This call is not known here.' }));
      })
      .catch(() => response.destroy());
  };

async function answerTo(
  { mappings, metrics }: ControlPlane,
  request: http.IncomingMessage,
): Promise<object | undefined> {
  const url = new URL(request.url ?? '', 'http://localhost');
  const body: unknown = request.method === 'GET' ? undefined : await json(request);
  const [, uuid] = /^\/lambda\/2015-03-31\/event-source-mappings\/?([^/]*)/.exec(url.pathname) ?? [];
  if (uuid !== undefined && request.method === 'GET') {
    const source = url.searchParams.get('EventSourceArn');
    return { EventSourceMappings: mappings.map(shown).filter(({ EventSourceArn }) => EventSourceArn === source) };
  }
  if (uuid !== undefined) {
    const mapping = mappings.find(({ queue }) => queue === uuid);
    if ((body as { Enabled: boolean }).Enabled) mapping?.start();
    else void mapping?.stop();
    return mapping && shown(mapping);
  }
  const [, action] = String(request.headers['x-amz-target']).split('GraniteServiceVersion20100801.');
  if (action === 'DescribeAlarms') return { MetricAlarms: [] };
  if (action !== 'GetMetricData') return undefined;
  const { MetricDataQueries = [], StartTime, EndTime } = body as GetMetricDataCommandInput;
  const window = { from: Number(StartTime), to: Number(EndTime) };
  return { MetricDataResults: MetricDataQueries.map((query) => resultOf(metrics, query, window)) };
}

const shown = ({ queue, functionName, isOn }: LocalMapping) => ({
  UUID: queue,
  EventSourceArn: `arn:aws:sqs:${REGION}:${ACCOUNT}:${queue}`,
  FunctionArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${functionName}`,
  State: isOn() ? 'Enabled' : 'Disabled',
});

/** Times are seconds since 1970. */
function resultOf(
  metrics: Pick<LocalMetrics, 'read'>,
  {
    Id,
    MetricStat: { Metric = {}, Period = 60, Stat = 'Sum' } = { Metric: {}, Period: 60, Stat: 'Sum' },
  }: MetricDataQuery,
  { from, to }: { from: number; to: number },
) {
  const dimensions = Object.fromEntries((Metric.Dimensions ?? []).map(({ Name, Value }) => [Name, Value ?? '']));
  const metric = { namespace: Metric.Namespace ?? '', name: Metric.MetricName ?? '', dimensions };
  const Timestamps: number[] = [];
  const Values: number[] = [];
  for (let at = Math.floor(from / Period) * Period; at < to; at += Period) {
    const values = metrics.read(metric, { from: at * 1000, to: (at + Period) * 1000 });
    if (values.length === 0) continue;
    Timestamps.push(at);
    Values.push(statisticOf(Stat, values));
  }
  return { Id, Timestamps, Values, StatusCode: 'Complete' };
}

function statisticOf(statistic: string, values: number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  if (statistic === 'SampleCount') return values.length;
  const percent = Number(/^p(\d+)$/.exec(statistic)?.[1]);
  if (percent) return values.toSorted((a, b) => a - b)[Math.ceil((percent / 100) * values.length) - 1] ?? 0;
  return statistic === 'Average' ? sum / values.length : sum;
}
