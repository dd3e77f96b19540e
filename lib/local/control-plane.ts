import type http from 'node:http';
import { json } from 'node:stream/consumers';
import type { GetMetricDataCommandInput } from '@aws-sdk/client-cloudwatch';
import { ACCOUNT, REGION } from './cloud';
import type { LocalMapping } from './functions';
import type { LocalMetrics } from './metrics';

interface ControlPlane {
  mappings: readonly LocalMapping[];
  metrics: Pick<LocalMetrics, 'data'>;
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
  return action === 'GetMetricData' ? metrics.data(body as GetMetricDataCommandInput) : undefined;
}

const shown = ({ queue, functionName, isOn }: LocalMapping) => ({
  UUID: queue,
  EventSourceArn: `arn:aws:sqs:${REGION}:${ACCOUNT}:${queue}`,
  FunctionArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${functionName}`,
  State: isOn() ? 'Enabled' : 'Disabled',
});
