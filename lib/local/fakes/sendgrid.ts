import type { Reply } from './reply';
import { type EventKeys, type EventSender, eventKeys, eventSender } from './sendgrid-events';
import { type AcceptedMail, sendgridModel } from './sendgrid-model';
import { refused } from './sendgrid-rules';
import { type FakeRequest, type FakeServer, startFake } from './server';

export interface FakeSendgrid extends FakeServer {
  /** Accepted e-mails, one for each personalization. */
  mails: AcceptedMail[];
  /** The keys that sign the events. */
  eventKeys: EventKeys;
  /** From now on, sends events about accepted e-mails to the webhook at this URL. */
  sendEventsTo(url: string): void;
}

export interface FakeSendgridOptions {
  port?: number;
  /** The only API key that is accepted. The default accepts any key. */
  apiKey?: string | undefined;
  now?: () => number;
  /** Senders that SendGrid refuses as unverified. */
  unverified?: readonly string[];
  /** The keys that sign the events. The default is a new pair. */
  keys?: EventKeys;
}

/** SendGrid on 127.0.0.1. Set SENDGRID_ENDPOINT to `url`. */
export async function startFakeSendgrid(options: FakeSendgridOptions = {}): Promise<FakeSendgrid> {
  const { port, apiKey, now = Date.now, unverified, keys = eventKeys() } = options;
  let sender: EventSender | undefined;
  const model = sendgridModel({ now, unverified, accepted: (taken) => sender?.report(taken) });
  const handle = ({ method, path, headers, body }: FakeRequest): Reply => {
    const given = headers.authorization;
    if (!given?.startsWith('Bearer ') || (apiKey !== undefined && given !== `Bearer ${apiKey}`))
      return refused(401, 'The provided authorization grant is invalid, expired, or revoked');
    if (path !== '/v3/mail/send') return refused(404, 'not found');
    if (method !== 'POST') return refused(405, 'method not allowed');
    return model.send(body);
  };
  const { mails } = model;
  const server = await startFake({ port, handle, state: () => ({ mails }) });
  return {
    ...server,
    mails,
    eventKeys: keys,
    sendEventsTo: (url) => {
      sender = eventSender({ url, keys, now });
    },
    close: async () => {
      await sender?.stop();
      await server.close();
    },
  };
}
