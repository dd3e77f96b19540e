import { randomUUID } from 'node:crypto';
import type http from 'node:http';
import type { GetMetricDataCommandInput } from '@aws-sdk/client-cloudwatch';
import { jsonOf } from '../../lib/platform/text';
import type { EventBridge } from './emulators';
import { answering, type Reply, reply } from './fakes/server';
import type { Functions } from './functions';
import type { Lambda } from './lambda/runtime';
import { queueArn } from './loopback';

export const EMAIL_EVENTS = '/aws/email-events';

type Called = Pick<Functions, 'mappings' | 'metrics'> & { lambda: Pick<Lambda, 'invoke'>; bridge: EventBridge };

const PUBLISHED =
  '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>local</MessageId></PublishResult></PublishResponse>';

/**
 * The calls to Lambda, CloudWatch, EventBridge and SNS, and the function URL for SendGrid's events. It evaluates no
 * alarm. Messages invoke the alarms function one by one.
 */
export function controlPlane({ lambda, mappings, metrics, bridge }: Called): http.RequestListener {
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
      version: '2.0',
      rawPath: '/',
      headers,
      requestContext: { http: { method, path: '/' } },
      body: Buffer.from(body).toString('base64'),
      isBase64Encoded: true,
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
    const unknown = { __type: 'InvalidAction', message: 'This call is not known on this machine.' };
    return answer ? reply(200, answer) : reply(400, unknown);
  });
}

const shown = ({ queue, functionArn, isOn }: Functions['mappings'][number]) => ({
  UUID: queue,
  EventSourceArn: queueArn(queue),
  FunctionArn: functionArn,
  State: isOn() ? 'Enabled' : 'Disabled',
});
