import { randomUUID } from 'node:crypto';
import type http from 'node:http';
import { text } from 'node:stream/consumers';
import type { GetMetricDataCommandInput } from '@aws-sdk/client-cloudwatch';
import { jsonOf } from '../../lib/text';
import { ACCOUNT, REGION } from './cloud';
import type { LocalMapping } from './functions';
import type { Lambda } from './lambda/runtime';
import type { LocalMetrics } from './metrics';

interface ControlPlane {
  lambda: Pick<Lambda, 'invoke'>;
  mappings: readonly LocalMapping[];
  metrics: Pick<LocalMetrics, 'data'>;
  /** Gets an alarm that its function could not take. AWS would try twice more before that. */
  undelivered: (body: string) => void;
}

const PUBLISHED =
  '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>local</MessageId></PublishResult></PublishResponse>';
const UNKNOWN = { __type: 'InvalidAction', message: 'This call is not known here.' };

/** The calls to Lambda, CloudWatch and SNS. It evaluates no alarm. Messages invoke the alarms function one by one. */
export function controlPlane({ lambda, mappings, metrics, undelivered }: ControlPlane): http.RequestListener {
  let turn: Promise<unknown> = Promise.resolve();

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
  async function answerTo(request: http.IncomingMessage): Promise<string | object | undefined> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
    const body = await text(request);
    if (pathname.startsWith('/sns')) {
      const input = new URLSearchParams(body);
      if (input.get('Action') !== 'Publish') return undefined;
      turn = turn.then(() => deliver(input)).catch(() => {});
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
    const [, action] = String(request.headers['x-amz-target']).split('GraniteServiceVersion20100801.');
    if (action === 'DescribeAlarms') return { MetricAlarms: [] };
    return action === 'GetMetricData' ? metrics.data(jsonOf(body) as GetMetricDataCommandInput) : undefined;
  }

  return (request, response) => {
    answerTo(request)
      .then((answer) => {
        const [type, body] =
          typeof answer === 'string'
            ? ['text/xml', answer]
            : ['application/x-amz-json-1.0', JSON.stringify(answer ?? UNKNOWN)];
        response.writeHead(answer ? 200 : 400, { 'content-type': type }).end(body);
      })
      .catch(() => response.destroy());
  };
}

const shown = ({ queue, functionName, isOn }: LocalMapping) => ({
  UUID: queue,
  EventSourceArn: `arn:aws:sqs:${REGION}:${ACCOUNT}:${queue}`,
  FunctionArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${functionName}`,
  State: isOn() ? 'Enabled' : 'Disabled',
});
