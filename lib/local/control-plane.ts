import type http from 'node:http';
import { json } from 'node:stream/consumers';
import * as z from 'zod';
import { ACCOUNT, REGION } from './cloud';
import type { LocalMapping } from './functions';
import type { LocalMetrics } from './metrics';

const metricData = z.object({
  StartTime: z.number(),
  EndTime: z.number(),
  MetricDataQueries: z.array(
    z.object({
      Id: z.string(),
      MetricStat: z.object({
        Metric: z.object({
          Namespace: z.string(),
          MetricName: z.string(),
          Dimensions: z.array(z.object({ Name: z.string(), Value: z.string() })),
        }),
        Period: z.number(),
        Stat: z.string(),
      }),
    }),
  ),
});

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
        response.end(
          JSON.stringify(body ?? { __type: 'InvalidAction', message: 'This machine does not know this call.' }),
        );
      })
      .catch(() => response.destroy());
  };

async function answerTo(
  { mappings, metrics }: ControlPlane,
  request: http.IncomingMessage,
): Promise<object | undefined> {
  const body = request.method === 'GET' ? undefined : await json(request);
  const url = new URL(request.url ?? '', 'http://localhost');
  const [, uuid] = /^\/lambda\/2015-03-31\/event-source-mappings\/?([^/]*)/.exec(url.pathname) ?? [];
  if (uuid !== undefined) {
    if (request.method === 'GET') {
      const source = url.searchParams.get('EventSourceArn');
      return { EventSourceMappings: mappings.map(shown).filter(({ EventSourceArn }) => EventSourceArn === source) };
    }
    const mapping = mappings.find(({ queue }) => queue === uuid);
    mapping?.set(z.object({ Enabled: z.boolean() }).parse(body).Enabled);
    return mapping && shown(mapping);
  }
  const [, action] = String(request.headers['x-amz-target']).split('GraniteServiceVersion20100801.');
  if (action === 'DescribeAlarms') return { MetricAlarms: [] };
  return action === 'GetMetricData' ? { MetricDataResults: resultsOf(metrics, metricData.parse(body)) } : undefined;
}

const shown = ({ queue, functionName, isOn }: LocalMapping) => ({
  UUID: queue,
  EventSourceArn: `arn:aws:sqs:${REGION}:${ACCOUNT}:${queue}`,
  FunctionArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${functionName}`,
  State: isOn() ? 'Enabled' : 'Disabled',
});

const resultsOf = (
  metrics: Pick<LocalMetrics, 'read'>,
  { StartTime, EndTime, MetricDataQueries }: z.infer<typeof metricData>,
) =>
  MetricDataQueries.map(({ Id, MetricStat: { Metric, Period, Stat } }) => {
    const dimensions = Object.fromEntries(Metric.Dimensions.map(({ Name, Value }) => [Name, Value]));
    const metric = { namespace: Metric.Namespace, name: Metric.MetricName, dimensions };
    const Timestamps: number[] = [];
    const Values: number[] = [];
    for (let at = Math.floor(StartTime / Period) * Period; at < EndTime; at += Period) {
      const values = metrics.read(metric, { from: at * 1000, to: (at + Period) * 1000 });
      if (values.length === 0) continue;
      Timestamps.push(at);
      Values.push(statisticOf(Stat, values));
    }
    return { Id, Timestamps, Values, StatusCode: 'Complete' };
  });

function statisticOf(statistic: string, values: number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  if (statistic === 'SampleCount') return values.length;
  return statistic === 'Average' ? sum / values.length : sum;
}
