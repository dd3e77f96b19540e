import * as z from 'zod';
import { jsonOf, type Reply, reply } from './reply';

const MAX_BYTES = 30 * 1024 * 1024;
const MAX_SEND_AT_MS = 72 * 3_600_000;
const RESERVED_HEADERS =
  /^(x-sg-id|x-sg-eid|received|dkim-signature|content-type|content-transfer-encoding|to|from|subject|reply-to|cc|bcc)$/i;

const address = z.object({
  email: z.string().regex(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, 'Does not contain a valid address.'),
  name: z.string().optional(),
});
const addresses = z.array(address);
const headers = z.record(
  z.string().refine((name) => !RESERVED_HEADERS.test(name), 'The header is reserved.'),
  z.string(),
);
const customArgs = z
  .record(z.string(), z.string())
  .refine((args) => Buffer.byteLength(JSON.stringify(args)) < 10_000, 'The custom args must be under 10,000 bytes.');

const mailSchema = z.object({
  from: address,
  reply_to: address.optional(),
  subject: z.string().min(1).optional(),
  content: z.array(z.object({ type: z.string().min(1), value: z.string().min(1) })).optional(),
  template_id: z
    .string()
    .regex(/^(d-)?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/, 'The template_id must be a valid GUID.')
    .optional(),
  categories: z.array(z.string().max(255)).max(10).optional(),
  headers: headers.optional(),
  custom_args: customArgs.optional(),
  send_at: z.number().int().optional(),
  asm: z
    .object({ group_id: z.number().int(), groups_to_display: z.array(z.number().int()).max(25).optional() })
    .optional(),
  personalizations: z
    .array(
      z.object({
        to: addresses.min(1),
        cc: addresses.optional(),
        bcc: addresses.optional(),
        subject: z.string().min(1).optional(),
        headers: headers.optional(),
        custom_args: customArgs.optional(),
        substitutions: z
          .record(z.string(), z.string())
          .refine((words) => Buffer.byteLength(JSON.stringify(words)) <= 10_000, 'The substitutions are too large.')
          .optional(),
        dynamic_template_data: z.record(z.string(), z.unknown()).optional(),
        send_at: z.number().int().optional(),
      }),
    )
    .min(1)
    .max(1000),
});
export type MailInput = z.infer<typeof mailSchema>;

/** The parsed e-mail, or SendGrid's refusal. */
export function acceptMail(body: string, now: number): MailInput | Reply {
  if (Buffer.byteLength(body) > MAX_BYTES) return refused(413, 'The JSON payload is too large.');
  const json = jsonOf(body);
  if (json === undefined) return refused(400, 'Bad Request');
  const parsed = mailSchema.safeParse(json);
  if (parsed.success) {
    const problem = contradiction(parsed.data, now);
    return problem ? refused(400, problem.message, problem.field) : parsed.data;
  }
  const [issue] = parsed.error.issues;
  return refused(400, `${issue?.message} (${JSON.stringify(at(json, issue?.path ?? []))})`, issue?.path.join('.'));
}

/** Checks what the schema cannot express. */
function contradiction(mail: MailInput, now: number): { message: string; field: string } | undefined {
  const all = mail.personalizations.flatMap(({ to, cc = [], bcc = [] }) => [...to, ...cc, ...bcc]);
  if (all.length > 1000) return { message: 'There are too many recipients.', field: 'personalizations' };
  // SendGrid requires unique addresses inside a personalization. Across them a duplicate gets two e-mails, which we
  // never want.
  const seen = new Set<string>();
  for (const { email } of all) {
    if (seen.has(email.toLowerCase()))
      return { message: `Each email address should be unique: ${email} is repeated.`, field: 'personalizations' };
    seen.add(email.toLowerCase());
  }
  if (!mail.template_id && !mail.content?.length)
    return { message: 'Unless a valid template_id is provided, content is required.', field: 'content' };
  if (!mail.template_id && !mail.subject && mail.personalizations.some(({ subject }) => !subject))
    return { message: 'The subject is required.', field: 'subject' };
  const texts = mail.content?.map(({ type }) => type) ?? [];
  if (texts.indexOf('text/plain') > 0) return { message: 'text/plain must come first.', field: 'content' };
  if (new Set(mail.categories).size !== (mail.categories?.length ?? 0))
    return { message: 'The categories must be unique.', field: 'categories' };
  const times = [mail.send_at, ...mail.personalizations.map(({ send_at }) => send_at)];
  if (times.some((time) => time !== undefined && time * 1000 > now + MAX_SEND_AT_MS))
    return { message: 'send_at must be within 72 hours.', field: 'send_at' };
  return undefined;
}

export const refused = (status: number, message: string, field: string | null = null): Reply =>
  reply(status, { errors: [{ message, field, help: null }] });

const at = (value: unknown, path: PropertyKey[]): unknown =>
  path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key], value);
