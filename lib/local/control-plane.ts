import type http from 'node:http';
import { json } from 'node:stream/consumers';
import * as z from 'zod';
import type { LocalMetrics } from './metrics';
import type { LocalMapping } from './triggers';

export interface ControlPlane {
  mappings: readonly LocalMapping[];
  metrics: Pick<LocalMetrics, 'read'>;
  region: string;
  account: string;
}

interface Answer {
  status?: number;
  body: object;
}

const enabledSchema = z.object({ Enabled: z.boolean() });
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

const MAPPINGS = /^\/lambda\/2015-03-31\/event-source-mappings\/?([^/?]*)/;

/** Whether a request of the API's server is one of these calls. */
export const isControlPlane = (url = ''): boolean => MAPPINGS.test(url) || /^\/cloudwatch\/?$/.test(url);

/**
 * Serves what `sls queues` asks of Lambda and of CloudWatch: ListEventSourceMappings, UpdateEventSourceMapping,
 * GetMetricData and DescribeAlarms. No alarm of CloudWatch is evaluated here. It refuses other calls.
 */
export const controlPlane =
  (plane: ControlPlane): http.RequestListener =>
  (request, response) => {
    answerTo(plane, request)
      .then(({ status = 200, body }) => {
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
      })
      .catch(() => response.destroy());
  };

async function answerTo(plane: ControlPlane, request: http.IncomingMessage): Promise<Answer> {
  const body = request.method === 'GET' ? undefined : await json(request);
  const [, uuid = ''] = MAPPINGS.exec(request.url ?? '') ?? [];
  if (MAPPINGS.test(request.url ?? '')) {
    const source = new URL(request.url ?? '', 'http://localhost').searchParams.get('EventSourceArn');
    const found = plane.mappings.map((mapping) => shown(plane, mapping));
    if (request.method === 'GET')
      return { body: { EventSourceMappings: found.filter(({ EventSourceArn }) => EventSourceArn === source) } };
    return update(plane, uuid, body);
  }
  switch (request.headers['x-amz-target']) {
    case 'GraniteServiceVersion20100801.GetMetricData':
      return { body: { MetricDataResults: metrics(plane, metricData.parse(body)) } };
    case 'GraniteServiceVersion20100801.DescribeAlarms':
      return { body: { MetricAlarms: [] } };
    default:
      return {
        status: 400,
        body: { __type: 'InvalidAction', message: 'The service on this machine does not know this call.' },
      };
  }
}

function update(plane: ControlPlane, uuid: string, body: unknown): Answer {
  const mapping = plane.mappings.find(({ queue }) => queue === uuid);
  if (!mapping)
    return { status: 404, body: { __type: 'ResourceNotFoundException', message: 'There is no such mapping.' } };
  mapping.set(enabledSchema.parse(body).Enabled);
  return { status: 202, body: shown(plane, mapping) };
}

const shown = ({ region, account }: ControlPlane, { queue, functionName, isOn }: LocalMapping) => ({
  UUID: queue,
  EventSourceArn: `arn:aws:sqs:${region}:${account}:${queue}`,
  FunctionArn: `arn:aws:lambda:${region}:${account}:function:${functionName}`,
  State: isOn() ? 'Enabled' : 'Disabled',
});

const metrics = (
  { metrics: taken }: ControlPlane,
  { StartTime, EndTime, MetricDataQueries }: z.infer<typeof metricData>,
) =>
  MetricDataQueries.map(({ Id, MetricStat: { Metric, Period, Stat } }) => {
    const dimensions = Object.fromEntries(Metric.Dimensions.map(({ Name, Value }) => [Name, Value]));
    const name = { namespace: Metric.Namespace, name: Metric.MetricName, dimensions };
    const points: { at: number; value: number }[] = [];
    for (let at = Math.floor(StartTime / Period) * Period; at < EndTime; at += Period) {
      const value = taken.read(name, Stat, { from: at * 1000, to: (at + Period) * 1000 });
      if (value !== undefined) points.push({ at, value });
    }
    return {
      Id,
      Timestamps: points.map(({ at }) => at),
      Values: points.map(({ value }) => value),
      StatusCode: 'Complete',
    };
  });
