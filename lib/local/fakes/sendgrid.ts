import type { FakeRequest, Reply } from './exchange';
import { type EventKeys, type EventSender, eventKeys, eventSender } from './sendgrid-events';
import { type AcceptedMail, sendgridModel } from './sendgrid-model';
import { type FakeServer, startFake } from './server';

export interface FakeSendgrid extends FakeServer {
  /** Accepted and outside sandbox mode, one for each personalization. */
  mails: AcceptedMail[];
  /** Signs its events, and knows them by the public key. */
  eventKeys: EventKeys;
  /** From now on it tells the webhook at this URL of what it accepts. */
  sendEventsTo(url: string): void;
  /** When the webhook has taken everything. */
  eventsSettled(): Promise<void>;
}

export interface FakeSendgridOptions {
  port?: number;
  /** The only key that is accepted. Without: any. */
  apiKey?: string;
  now?: () => number;
  /** Senders that it does not know. */
  unverified?: readonly string[];
  /** What it signs its events with; new ones where nothing is said. */
  keys?: EventKeys;
}

/** SendGrid on 127.0.0.1. `url` is what SENDGRID_ENDPOINT is to be. */
export async function startFakeSendgrid(options: FakeSendgridOptions = {}): Promise<FakeSendgrid> {
  const { port, apiKey, now = Date.now, unverified, keys = eventKeys() } = options;
  let sender: EventSender | undefined;
  const model = sendgridModel({ now, unverified, accepted: (taken) => sender?.tell(taken) });
  const handle = ({ method, path, headers, body }: FakeRequest): Reply => {
    const given = headers.authorization;
    if (!given?.startsWith('Bearer ') || (apiKey !== undefined && given !== `Bearer ${apiKey}`))
      return {
        status: 401,
        headers: {},
        json: error('The provided authorization grant is invalid, expired, or revoked'),
      };
    if (path !== '/v3/mail/send') return { status: 404, headers: {}, json: error('not found') };
    if (method !== 'POST') return { status: 405, headers: {}, json: error('method not allowed') };
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
    eventsSettled: async () => sender?.settled(),
    close: async () => {
      await sender?.stop();
      await server.close();
    },
  };
}

const error = (message: string) => ({ errors: [{ message, field: null, help: null }] });
