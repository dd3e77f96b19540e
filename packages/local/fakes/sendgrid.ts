import { generateKeyPairSync, sign } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { jsonOf } from '../../../lib/text';
import { type Reply, reply, startFake } from './server';

const MAX_BYTES = 30 * 1024 * 1024;
const address = z.object({
  email: z.string().regex(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, 'Does not contain a valid address.'),
});
const texts = z.record(z.string(), z.string()).default({});
const smallTexts = texts.refine(
  (all) => Buffer.byteLength(JSON.stringify(all)) < 10_000,
  'Must be under 10,000 bytes.',
);

const mailSchema = z
  .object({
    from: address,
    subject: z.string().min(1).optional(),
    content: z.array(z.object({ type: z.string(), value: z.string().min(1) })).default([]),
    template_id: z
      .string()
      .regex(/^(d-)?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/, 'The template_id must be a valid GUID.')
      .optional(),
    categories: z.array(z.string().max(255)).max(10).default([]),
    headers: texts,
    custom_args: smallTexts,
    personalizations: z
      .array(
        z.object({
          to: z.array(address).min(1),
          subject: z.string().min(1).optional(),
          headers: texts,
          custom_args: smallTexts,
          substitutions: smallTexts,
          dynamic_template_data: z.record(z.string(), z.unknown()).default({}),
        }),
      )
      .min(1)
      .max(1000),
  })
  .refine((mail) => mail.template_id || mail.content.length > 0, { path: ['content'], error: 'Content is required.' })
  .refine((mail) => mail.template_id || mail.subject || mail.personalizations.every(({ subject }) => subject), {
    path: ['subject'],
    error: 'The subject is required.',
  })
  // SendGrid requires unique addresses inside a personalization. Across them a duplicate gets two mails, which we
  // never want.
  .refine(
    ({ personalizations }) => {
      const all = personalizations.flatMap(({ to }) => to.map(({ email }) => email.toLowerCase()));
      return new Set(all).size === all.length && all.length <= 1000;
    },
    { path: ['personalizations'], error: 'Each email address should be unique, and at most 1000.' },
  );

type Mail = z.infer<typeof mailSchema>;

/** An accepted mail to the recipients of one personalization. */
export type AcceptedMail = ReturnType<typeof acceptedMail>;

function acceptedMail(mail: Mail, one: Mail['personalizations'][number], sent: { messageId: string; at: number }) {
  const content = (type: string) => mail.content.find((part) => part.type === type)?.value;
  return {
    ...sent,
    to: one.to.map(({ email }) => email),
    from: mail.from.email,
    subject: one.subject ?? mail.subject,
    text: content('text/plain'),
    html: content('text/html'),
    templateId: mail.template_id,
    templateData: one.dynamic_template_data,
    /** Replacements in subject and text. They do not apply to dynamic templates. */
    substitutions: one.substitutions,
    customArgs: { ...mail.custom_args, ...one.custom_args },
    categories: mail.categories,
    headers: { ...mail.headers, ...one.headers },
  };
}

interface SendgridOptions {
  now: () => number;
  unverified?: readonly string[] | undefined;
  accepted?: (mails: AcceptedMail[]) => void;
}

export type SendgridModel = ReturnType<typeof sendgridModel>;

/** SendGrid's mail send with its published limits, without HTTP. `unverified`: senders that it refuses. */
export function sendgridModel({ now, unverified = [], accepted }: SendgridOptions) {
  const mails: AcceptedMail[] = [];
  let count = 0;
  return {
    mails,
    /** Handles `POST /v3/mail/send`. `body` is the raw body. */
    send(body: string): Reply {
      if (Buffer.byteLength(body) > MAX_BYTES) return refused(413, 'The JSON payload is too large.');
      const { success, data: mail, error } = mailSchema.safeParse(jsonOf(body));
      if (!success) {
        const [issue] = error.issues;
        return refused(400, issue?.message ?? '', issue?.path.join('.'));
      }
      if (unverified.includes(mail.from.email))
        return refused(403, 'The from address does not match a verified Sender Identity.', 'from');
      count += 1;
      const messageId = `message-${count}`;
      const taken = mail.personalizations.map((one) => acceptedMail(mail, one, { messageId, at: now() }));
      mails.push(...taken);
      accepted?.(taken);
      return reply(202, undefined, { 'x-message-id': messageId });
    },
  };
}

const refused = (status: number, message: string, field: string | null = null): Reply =>
  reply(status, { errors: [{ message, field, help: null }] });

/** What the events repeat of an accepted mail. */
type Sent = Pick<AcceptedMail, 'messageId' | 'to' | 'customArgs'>;

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

export type EventKeys = ReturnType<typeof eventKeys>;

/** `publicKey`: as SendGrid shows it, the DER in base64. */
export function eventKeys() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return { privateKey, publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64') };
}

/** What happens to an accepted mail: the events that SendGrid posts about it, in order. */
const FATES = {
  deliver: [{ event: 'processed' }, { event: 'delivered' }],
  bounce: [{ event: 'processed' }, { event: 'bounce', type: 'bounce', status: '5.1.1' }],
  block: [{ event: 'processed' }, { event: 'bounce', type: 'blocked', status: '5.7.1' }],
  report: [{ event: 'processed' }, { event: 'delivered' }, { event: 'spamreport' }],
  defer: [{ event: 'processed' }, { event: 'deferred' }, { event: 'delivered' }],
  drop: [{ event: 'dropped', reason: 'Bounced Address' }],
} satisfies Record<string, ({ event: string } & Record<string, string>)[]>;
type Fate = keyof typeof FATES;

/** In this order of precedence. Any other mail is delivered. */
const LISTED = ['drop', 'bounce', 'block', 'report', 'defer'] as const;
/** The addresses that share a fate, and domains as `@example.com`, in lower case. */
type FateLists = Record<(typeof LISTED)[number], string[]>;
const fateLists = z.partialRecord(z.enum(LISTED), z.array(z.string()));

function fateOf({ to: [email = ''] }: Sent, lists: FateLists): Fate {
  const [address, domain] = [email, email.slice(email.lastIndexOf('@'))].map((part) => part.toLowerCase());
  const listed = (entries: string[]) => entries.some((entry) => entry === address || entry === domain);
  return LISTED.find((fate) => listed(lists[fate])) ?? 'deliver';
}

/** SendGrid's events about an accepted mail, one for each recipient. An event may have more fields of SendGrid. */
export const eventsOf = (
  mail: Sent,
  event: string | { event: string; [field: string]: string },
  now: number,
): SendgridEvent[] =>
  mail.to.map((email, n) => ({
    ...mail.customArgs,
    email,
    timestamp: Math.floor(now / 1000),
    ...(typeof event === 'string' ? { event } : event),
    sg_event_id: Buffer.from(`${JSON.stringify(event)}-${mail.messageId}-${mail.customArgs.recipient ?? n}`).toString(
      'base64url',
    ),
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

export type FakeSendgrid = Awaited<ReturnType<typeof startFakeSendgrid>>;

interface FakeSendgridOptions {
  port?: number;
  /** The only key that it accepts. The default accepts any. */
  apiKey?: string | undefined;
  now?: () => number;
  /** The keys that sign the events. The default is a new pair. */
  keys?: EventKeys;
}

const TRIES = 20;
const PAUSE_MS = 500;

/**
 * SendGrid on 127.0.0.1. Set SENDGRID_ENDPOINT to `url`. It sends each batch of events until the webhook accepts it.
 * `setLists` replaces lists of `lists`, for other processes: `{"bounce":["user@example.com"]}`.
 */
export async function startFakeSendgrid(options: FakeSendgridOptions = {}) {
  const { port, apiKey, now = Date.now, keys = eventKeys() } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const lists = Object.fromEntries(LISTED.map((fate) => [fate, [`@${fate}.example.com`]])) as FateLists;
  let webhook: string | undefined;
  let reports: Promise<unknown> = Promise.resolve();

  async function post(url: string, events: SendgridEvent[]): Promise<void> {
    for (let tried = 1; tried <= TRIES && !signal.aborted; tried++) {
      const { body, headers } = signedEvents(events, keys, now());
      const answer = await fetch(url, { method: 'POST', body, headers, signal }).catch(() => undefined);
      if (answer?.ok) return;
      await sleep(PAUSE_MS, undefined, { signal }).catch(() => {});
    }
  }
  async function report(url: string, mails: readonly (Sent & { fate: Fate })[]): Promise<void> {
    for (let stage = 0; ; stage++) {
      const events = mails.flatMap((mail) => {
        const event = FATES[mail.fate][stage];
        return event ? eventsOf(mail, event, now()) : [];
      });
      if (events.length === 0) return;
      await post(url, events);
    }
  }
  function decided(mail: Sent): Sent & { fate: Fate } {
    const fate = fateOf(mail, lists);
    if (fate === 'bounce' || fate === 'report') lists.drop.push(...mail.to.map((email) => email.toLowerCase()));
    return { ...mail, fate };
  }
  const { mails, send } = sendgridModel({
    now,
    accepted: (accepted) => {
      const mails = accepted.map(decided);
      if (webhook !== undefined) reports = Promise.all([reports, report(webhook, mails)]);
    },
  });
  const server = await startFake({
    port,
    state: () => ({ mails }),
    setLists: (body) => {
      const parsed = fateLists.safeParse(jsonOf(body));
      if (!parsed.success) return reply(400, { error: z.prettifyError(parsed.error) });
      Object.assign(lists, parsed.data);
      return reply(204);
    },
    handle({ method, path, headers, body }) {
      const given = headers.authorization;
      if (!given?.startsWith('Bearer ') || (apiKey !== undefined && given !== `Bearer ${apiKey}`))
        return refused(401, 'The provided authorization grant is invalid, expired, or revoked');
      return `${method} ${path}` === 'POST /v3/mail/send' ? send(body) : refused(404, 'not found');
    },
  });
  return {
    ...server,
    /** One for each personalization. */
    mails,
    /** Which mails are not delivered. As with SendGrid, a later mail to one that bounced or reported is dropped. */
    lists,
    /** From now on, sends events about accepted mails to the webhook at this URL. */
    sendEventsTo: (url: string) => {
      webhook = url;
    },
    close: async () => {
      stopping.abort();
      await reports;
      await server.close();
    },
  };
}
