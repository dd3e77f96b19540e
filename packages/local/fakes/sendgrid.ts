import { generateKeyPairSync, sign } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { jsonOf } from '../../../lib/platform/text';
import { type Reply, reply, startFake } from './server';

const MAX_BYTES = 30 * 1024 * 1024;
const address = z.object({
  email: z.string().regex(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, 'Does not contain a valid address.'),
});
const texts = z.record(z.string(), z.string()).default({});
const isSmall = (all: object) => Buffer.byteLength(JSON.stringify(all)) < 10_000;
const smallTexts = texts.refine(isSmall, 'Must be under 10,000 bytes.');
const personalization = z.object({
  to: z.array(address).min(1),
  subject: z.string().min(1).optional(),
  headers: texts,
  custom_args: smallTexts,
  substitutions: smallTexts,
  dynamic_template_data: z.record(z.string(), z.unknown()).default({}),
});

const mailSchema = z
  .object({
    from: address,
    subject: z.string().min(1).optional(),
    content: z.array(z.object({ type: z.string(), value: z.string().min(1) })).default([]),
    template_id: z.string().optional(),
    categories: z.array(z.string()).max(10).default([]),
    headers: texts,
    custom_args: smallTexts,
    personalizations: z.array(personalization).min(1).max(1000),
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

/** SendGrid's mail send with its published limits, without HTTP. `unverified`: senders that it refuses. */
export function sendgridModel(now: () => number, unverified: readonly string[] = []) {
  const mails: AcceptedMail[] = [];
  let count = 0;
  return {
    mails,
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
      mails.push(...mail.personalizations.map((one) => acceptedMail(mail, one, { messageId, at: now() })));
      return reply(202, undefined, { 'x-message-id': messageId });
    },
  };
}

const refused = (status: number, message: string, field: string | null = null): Reply =>
  reply(status, { errors: [{ message, field, help: null }] });

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

/**
 * What happens to a mail to a listed address, and the events that SendGrid posts about it, in order. If several lists
 * have the address, the first of these applies.
 */
const FATES: Record<string, ({ event: string } & Record<string, string>)[]> = {
  drop: [{ event: 'dropped', reason: 'Bounced Address' }],
  bounce: [{ event: 'processed' }, { event: 'bounce', type: 'bounce', status: '5.1.1' }],
  report: [{ event: 'processed' }, { event: 'delivered' }, { event: 'spamreport' }],
  defer: [{ event: 'processed' }, { event: 'deferred' }, { event: 'delivered' }],
};
const DELIVERED = [{ event: 'processed' }, { event: 'delivered' }];
/** The addresses that share a fate, and domains as `@example.com`, in lower case. */
const fateLists = z.partialRecord(z.enum(Object.keys(FATES)), z.array(z.string()));

/** SendGrid's events about an accepted mail, one for each recipient. An event may have more fields of SendGrid. */
export const eventsOf = (
  mail: Pick<AcceptedMail, 'messageId' | 'to' | 'customArgs'>,
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

export function signedHeaders(body: string, { privateKey }: Pick<EventKeys, 'privateKey'>, now: number) {
  const timestamp = String(Math.floor(now / 1000));
  const signature = sign('sha256', Buffer.from(timestamp + body), privateKey);
  return {
    'x-twilio-email-event-webhook-signature': signature.toString('base64'),
    'x-twilio-email-event-webhook-timestamp': timestamp,
  };
}

interface FakeSendgridOptions {
  port?: number;
  /** The only key that it accepts. The default accepts any. */
  apiKey?: string | undefined;
  /** Of the key. */
  scopes?: string[];
  now?: () => number;
  keys?: EventKeys;
}

function fateOf({ to: [email = ''] }: AcceptedMail, lists: Record<string, string[]>) {
  const [address, domain] = [email, email.slice(email.lastIndexOf('@'))].map((part) => part.toLowerCase());
  const listed = (entries: string[] = []) => entries.some((entry) => entry === address || entry === domain);
  const fate = Object.keys(FATES).find((each) => listed(lists[each])) ?? '';
  if (fate === 'bounce' || fate === 'report') lists.drop?.push(email.toLowerCase());
  return FATES[fate] ?? DELIVERED;
}

const PAUSE_MS = 500;

type Posting = { keys: EventKeys; now: () => number; signal: AbortSignal };

async function post(url: string, events: SendgridEvent[], { keys, now, signal }: Posting): Promise<void> {
  const body = JSON.stringify(events);
  while (!signal.aborted) {
    const headers = { 'content-type': 'application/json', ...signedHeaders(body, keys, now()) };
    const answer = await fetch(url, { method: 'POST', body, headers, signal }).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => {});
  }
}

/**
 * SendGrid on 127.0.0.1. Set SENDGRID_ENDPOINT to `url`. It sends each batch of events until the webhook accepts it.
 * `mails`: one for each personalization. `setLists` replaces lists of addresses: `{"bounce":["user@example.com"]}`. As
 * with SendGrid, a later mail to an address that bounced or reported is dropped.
 */
export async function startFakeSendgrid(options: FakeSendgridOptions = {}) {
  const { port, apiKey, scopes = ['mail.send'], now = Date.now, keys = eventKeys() } = options;
  const stopping = new AbortController();
  const lists = Object.fromEntries(Object.keys(FATES).map((fate) => [fate, [`@${fate}.example.com`]]));
  let webhook: string | undefined;
  let reports: Promise<unknown> = Promise.resolve();

  /** Posts the first events of all mails, then the second ones, and so on. */
  async function report(url: string, mails: readonly AcceptedMail[]): Promise<void> {
    const decided = mails.map((mail) => ({ mail, events: fateOf(mail, lists) }));
    for (let stage = 0; ; stage++) {
      const events = decided.flatMap(({ mail, events }) => {
        const event = events[stage];
        return event ? eventsOf(mail, event, now()) : [];
      });
      if (events.length === 0) return;
      await post(url, events, { keys, now, signal: stopping.signal });
    }
  }

  const { mails, send } = sendgridModel(now);
  const server = await startFake({
    port,
    state: () => ({ mails }),
    setLists: (body) => {
      const { success, data, error } = fateLists.safeParse(jsonOf(body));
      if (!success) return reply(400, { error: z.prettifyError(error) });
      Object.assign(lists, data);
      return reply(204);
    },
    handle({ method, path, headers, body }) {
      const given = headers.authorization;
      if (!given?.startsWith('Bearer ') || (apiKey !== undefined && given !== `Bearer ${apiKey}`))
        return refused(401, 'The provided authorization grant is invalid, expired, or revoked');
      if (`${method} ${path}` === 'GET /v3/scopes') return reply(200, { scopes });
      if (`${method} ${path}` !== 'POST /v3/mail/send') return refused(404, 'not found');
      const before = mails.length;
      const answer = send(body);
      if (webhook !== undefined) reports = Promise.all([reports, report(webhook, mails.slice(before))]);
      return answer;
    },
  });
  return {
    ...server,
    mails,
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
