import * as z from 'zod';
import { jsonOf } from '../../../lib/platform/text';
import { reply, startFake } from './server';

const text = (most: number) => z.string().max(most);
const some = (most: number) => text(most).refine((value) => value.trim() !== '', 'This field is required');

const embed = z
  .strictObject({
    title: text(256).optional(),
    description: text(4096).optional(),
    color: z.int().min(0).max(0xff_ff_ff).optional(),
    timestamp: z.iso.datetime({ offset: true }).optional(),
    fields: z
      .array(z.strictObject({ name: some(256), value: some(1024), inline: z.boolean().optional() }))
      .max(25)
      .optional(),
    footer: z.strictObject({ text: some(2048) }).optional(),
  })
  .refine(({ title, description, fields }) => title || description || fields?.length, 'Embed is empty');

const lengthOf = ({ title = '', description = '', fields = [], footer }: z.infer<typeof embed>): number =>
  [title, description, footer?.text ?? '', ...fields.flatMap(({ name, value }) => [name, value])].join('').length;

/**
 * The messages that a webhook accepts, as far as this service sends them.
 * https://discord.com/developers/docs/resources/webhook#execute-webhook
 */
export const messageSchema = z
  .strictObject({
    embeds: z.array(embed).min(1).max(10),
    allowed_mentions: z.strictObject({ parse: z.array(z.enum(['roles', 'users', 'everyone'])) }).optional(),
  })
  .refine(
    ({ embeds }) => embeds.reduce((sum, each) => sum + lengthOf(each), 0) <= 6000,
    'Embed size exceeds maximum size of 6000',
  );

const PATH = '/api/webhooks/1/local-token';

/**
 * Discord on 127.0.0.1. Set DISCORD_WEBHOOK_URL to `webhook`. Any other path answers 404, like a deleted webhook.
 * `messages`: what the webhook accepted, in order.
 */
export async function startFakeDiscord({ port }: { port?: number } = {}) {
  const messages: z.infer<typeof messageSchema>[] = [];
  const server = await startFake({
    port,
    state: () => ({ messages: messages.map((message) => ({ title: message.embeds[0]?.title, ...message })) }),
    handle({ method, path, query, body }) {
      if (path !== PATH) return reply(404, { message: 'Unknown Webhook', code: 10_015 });
      if (method !== 'POST') return reply(405, { message: '405: Method Not Allowed', code: 0 });
      const { success, data, error } = messageSchema.safeParse(jsonOf(body));
      if (!success) return reply(400, { message: 'Invalid Form Body', code: 50_035, errors: error.issues });
      messages.push(data);
      return query.wait === 'true' ? reply(200, { id: String(messages.length), type: 0 }) : reply(204);
    },
  });
  return { ...server, messages, webhook: `${server.url}${PATH}` };
}
