import type * as z from 'zod';
import { toJSONSchema } from 'zod';
import { EVENT_SHAPE } from '../../../lib/queues/analytics/message';
import { emailMessageSchema } from '../../../lib/queues/emails/message';
import { recipientSchema } from '../../../lib/queues/emails/recipients';
import { feedbackSchema } from '../../../lib/queues/feedback/message';
import { inviteSchema, removeSchema } from '../../../lib/queues/testflight/message';
import { queueNamed } from '../queues/queues';
import { MARK } from '../world/watch';

const good = { kind: 'attachment', at: 0, group: 0, retries: 0 } as const;
const sample = (queue: string) => queueNamed(queue).data(good, 0);
const schemaOf = (schema: z.ZodType): object => toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
const recipient = { email: MARK, name: MARK, data: MARK };

test.each<[string, Record<string, unknown>, object, string[]]>([
  ['feedback', sample('feedback'), schemaOf(feedbackSchema), ['type', 'priority', 'locale']],
  ['a mail', sample('emails'), schemaOf(emailMessageSchema), ['templateId', 'templateKeys', 'data', 'tracking']],
  ['a recipient', recipient, schemaOf(recipientSchema), []],
  ['an invitation', sample('testflight'), schemaOf(inviteSchema), ['app', 'groups']],
  ['a removal', { email: MARK }, schemaOf(removeSchema.options[1]), ['app', 'groups', 'from']],
  [
    'an event',
    (sample('analytics').events as [Record<string, unknown>])[0],
    EVENT_SHAPE,
    ['id', 'name', 'time', 'sent', 'received'],
  ],
])('the mark is in every field of %s that may be personal', (_what, data, schema, others) => {
  const { properties = {} } = schema as { properties?: Record<string, unknown> };
  const texts = Object.keys(properties).filter((name) => /string|object/.test(JSON.stringify(properties[name])));

  const unmarked = texts.filter((name) => !JSON.stringify(data[name] ?? null).includes(MARK));

  expect(unmarked.filter((name) => !others.includes(name))).toEqual([]);
});
