import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the events repeat of an accepted e-mail. */
interface Sent {
  messageId: string;
  to: string[];
  customArgs: Record<string, string>;
}

/** One event of the webhook, as SendGrid documents it. Custom args stand beside SendGrid's own fields. */
export interface SendgridEvent {
  email: string;
  /** Seconds since 1970. */
  timestamp: number;
  event: string;
  sg_event_id: string;
  sg_message_id: string;
  [customArg: string]: string | number;
}

export interface EventKeys {
  privateKey: KeyObject;
  /** As SendGrid shows it: the DER in base64. */
  publicKey: string;
}

export function eventKeys(): EventKeys {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return { privateKey, publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64') };
}

/** SendGrid's events about an accepted e-mail, one for each recipient. */
export const eventsOf = (mail: Sent, event: string, now: number): SendgridEvent[] =>
  mail.to.map((email, n) => ({
    ...mail.customArgs,
    email,
    timestamp: Math.floor(now / 1000),
    event,
    sg_event_id: Buffer.from(`${event}-${mail.messageId}-${mail.customArgs.recipient ?? n}`).toString('base64url'),
    sg_message_id: `${mail.messageId}.recvd-${mail.customArgs.recipient ?? n}-1.0`,
  }));

/** A request to the webhook. */
export function signedEvents(events: readonly SendgridEvent[], keys: Pick<EventKeys, 'privateKey'>, now: number) {
  const body = JSON.stringify(events);
  return { body, headers: { 'content-type': 'application/json', ...signedHeaders(body, keys, now) } };
}

/** SendGrid's signature over the timestamp and the raw body of a request. */
export function signedHeaders(body: string, { privateKey }: Pick<EventKeys, 'privateKey'>, now: number) {
  const timestamp = String(Math.floor(now / 1000));
  const signature = sign('sha256', Buffer.from(timestamp + body), privateKey);
  return {
    'x-twilio-email-event-webhook-signature': signature.toString('base64'),
    'x-twilio-email-event-webhook-timestamp': timestamp,
  };
}

const TRIES = 20;
const PAUSE_MS = 500;

/** Posts events to a webhook, once there is one, and repeats each batch until the webhook accepts it. */
export function eventSender({ keys, now }: { keys: EventKeys; now: () => number }) {
  let webhook: string | undefined;
  const stopping = new AbortController();
  const pending = new Set<Promise<void>>();

  async function post(url: string, events: SendgridEvent[]): Promise<void> {
    for (let tried = 1; tried <= TRIES && !stopping.signal.aborted; tried++) {
      const { body, headers } = signedEvents(events, keys, now());
      const answer = fetch(url, { method: 'POST', body, headers, signal: stopping.signal });
      if ((await answer.catch(() => undefined))?.ok) return;
      await sleep(PAUSE_MS, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }
  return {
    /** From now on, reported e-mails lead to events at this URL. */
    sendEventsTo(url: string): void {
      webhook = url;
    },
    /** Sends `processed` and then `delivered` events about these e-mails. */
    report(mails: readonly Sent[]): void {
      const url = webhook;
      if (url === undefined) return;
      const eventsNow = (event: string) => mails.flatMap((mail) => eventsOf(mail, event, now()));
      const sending = post(url, eventsNow('processed'))
        .then(() => post(url, eventsNow('delivered')))
        .finally(() => pending.delete(sending));
      pending.add(sending);
    },
    async stop(): Promise<void> {
      stopping.abort();
      await Promise.all(pending);
    },
  };
}
