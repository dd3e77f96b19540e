import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AcceptedMail } from './sendgrid-model';

/** One event of the webhook, as SendGrid documents it, custom args beside its own fields. */
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
  /** As SendGrid shows it: base64 of the DER. */
  publicKey: string;
}

export function eventKeys(): EventKeys {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return { privateKey, publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64') };
}

/** What SendGrid tells of an accepted mail, for each of its recipients. */
export const eventsOf = (mail: AcceptedMail, event: string, now: number): SendgridEvent[] =>
  mail.to.map((email, n) => ({
    ...mail.customArgs,
    email,
    timestamp: Math.floor(now / 1000),
    event,
    sg_event_id: Buffer.from(`${event}-${mail.messageId}-${mail.customArgs.recipient ?? n}`).toString('base64url'),
    sg_message_id: `${mail.messageId}.recvd-${mail.customArgs.recipient ?? n}-1.0`,
  }));

/** The webhook's request, signed over timestamp and raw body. */
export function signedEvents(
  events: readonly SendgridEvent[],
  { privateKey }: Pick<EventKeys, 'privateKey'>,
  now: number,
) {
  const body = JSON.stringify(events);
  const timestamp = String(Math.floor(now / 1000));
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'x-twilio-email-event-webhook-signature': sign('sha256', Buffer.from(timestamp + body), privateKey).toString(
        'base64',
      ),
      'x-twilio-email-event-webhook-timestamp': timestamp,
    },
  };
}

export interface EventSender {
  /** Tells of these mails soon: `processed`, then `delivered`. */
  tell(mails: readonly AcceptedMail[]): void;
  /** When everything that was told has been taken, or given up. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

const TRIES = 20;
const PAUSE_MS = 500;

/** Posts events to a webhook as SendGrid does: in batches, again until they are taken. */
export function eventSender({ url, keys, now }: { url: string; keys: EventKeys; now: () => number }): EventSender {
  const stopping = new AbortController();
  const under = new Set<Promise<void>>();

  async function post(events: SendgridEvent[]): Promise<void> {
    for (let tried = 1; tried <= TRIES; tried++) {
      const { body, headers } = signedEvents(events, keys, now());
      const taken = await fetch(url, { method: 'POST', body, headers, signal: stopping.signal }).then(
        ({ ok }) => ok,
        () => false,
      );
      if (taken || stopping.signal.aborted) return;
      await sleep(PAUSE_MS, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }

  return {
    tell: (mails) => {
      const telling = ['processed', 'delivered']
        .reduce(
          (before, event) => before.then(() => post(mails.flatMap((mail) => eventsOf(mail, event, now())))),
          Promise.resolve(),
        )
        .finally(() => under.delete(telling));
      under.add(telling);
    },
    settled: async () => {
      await Promise.all(under);
    },
    stop: async () => {
      stopping.abort();
      await Promise.all(under);
    },
  };
}
