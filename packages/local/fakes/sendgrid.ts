import * as z from 'zod';
import { jsonOf } from '../../../lib/text';
import { type EventKeys, eventKeys, eventSender } from './sendgrid-events';
import { type FakeServer, type Reply, reply, startFake } from './server';

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
  // SendGrid requires unique addresses inside a personalization. Across them a duplicate gets two e-mails, which we
  // never want.
  .refine(
    ({ personalizations }) => {
      const all = personalizations.flatMap(({ to }) => to.map(({ email }) => email.toLowerCase()));
      return new Set(all).size === all.length && all.length <= 1000;
    },
    { path: ['personalizations'], error: 'Each email address should be unique, and at most 1000.' },
  );

type Mail = z.infer<typeof mailSchema>;

/** An accepted e-mail to the recipients of one personalization. */
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

export type SendgridModel = ReturnType<typeof sendgridModel>;

/** SendGrid's mail send with its published limits, without HTTP. `unverified`: senders that it refuses. */
export function sendgridModel({
  now,
  unverified = [],
  accepted,
}: {
  now: () => number;
  unverified?: readonly string[] | undefined;
  accepted?: (mails: AcceptedMail[]) => void;
}) {
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

export interface FakeSendgrid extends FakeServer {
  /** Accepted e-mails, one for each personalization. */
  mails: AcceptedMail[];
  /** From now on, sends events about accepted e-mails to the webhook at this URL. */
  sendEventsTo(url: string): void;
}

/** SendGrid on 127.0.0.1. Set SENDGRID_ENDPOINT to `url`. `apiKey`: the only one accepted; the default accepts any. */
export async function startFakeSendgrid({
  port,
  apiKey,
  now = Date.now,
  keys = eventKeys(),
}: {
  port?: number;
  apiKey?: string | undefined;
  now?: () => number;
  /** The keys that sign the events. The default is a new pair. */
  keys?: EventKeys;
} = {}): Promise<FakeSendgrid> {
  const { report, stop, sendEventsTo } = eventSender({ keys, now });
  const { mails, send } = sendgridModel({ now, accepted: report });
  const server = await startFake({
    port,
    state: () => ({ mails }),
    handle({ method, path, headers, body }) {
      const given = headers.authorization;
      if (!given?.startsWith('Bearer ') || (apiKey !== undefined && given !== `Bearer ${apiKey}`))
        return refused(401, 'The provided authorization grant is invalid, expired, or revoked');
      return `${method} ${path}` === 'POST /v3/mail/send' ? send(body) : refused(404, 'not found');
    },
  });
  return {
    ...server,
    mails,
    sendEventsTo,
    close: async () => {
      await stop();
      await server.close();
    },
  };
}
