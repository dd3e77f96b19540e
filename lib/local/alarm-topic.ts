import { randomUUID } from 'node:crypto';
import type http from 'node:http';
import { text } from 'node:stream/consumers';
import type { Lambda } from './lambda/runtime';

/**
 * Serves SNS's action Publish over AWS's query protocol, and refuses other actions. Each message invokes the alarms
 * function, one at a time. A message that the function could not take goes to `undelivered` at once, while AWS tries
 * twice more.
 */
export function alarmTopic(
  lambda: Pick<Lambda, 'invoke'>,
  { undelivered }: { undelivered: (body: string) => void },
): http.RequestListener {
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

  return (request, response) => {
    text(request)
      .then((body) => {
        const input = new URLSearchParams(body);
        if (input.get('Action') !== 'Publish') return response.writeHead(400).end();
        turn = turn.then(() => deliver(input)).catch(() => {});
        return response.writeHead(200, { 'content-type': 'text/xml' }).end(ANSWER);
      })
      .catch(() => response.destroy());
  };
}

const ANSWER =
  '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>local</MessageId></PublishResult></PublishResponse>';
