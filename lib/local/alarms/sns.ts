import type http from 'node:http';
import { text } from 'node:stream/consumers';
import type { Message } from './topics';

/** Serves SNS's action Publish over AWS's query protocol, for `sls alarms test`. Other actions are refused. */
export const snsListener =
  (publish: (message: Message) => void): http.RequestListener =>
  (request, response) => {
    text(request)
      .then((body) => {
        const input = new URLSearchParams(body);
        if (input.get('Action') !== 'Publish') return response.writeHead(400).end();
        const [topic, subject, message] = ['TopicArn', 'Subject', 'Message'].map((name) => input.get(name) ?? '');
        publish({ topic: topic ?? '', subject: subject ?? '', message: message ?? '' });
        return response.writeHead(200, { 'content-type': 'text/xml' }).end(ANSWER);
      })
      .catch(() => response.destroy());
  };

const ANSWER =
  '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>local</MessageId></PublishResult></PublishResponse>';
