import { mkdirSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { ANALYTICS_EVENTS, ANALYTICS_QUEUE, analyticsSchema } from '../../lib/analytics/message';
import { EMAIL_MESSAGE, EMAILS_QUEUE, emailMessageSchema } from '../../lib/emails/message';
import { FEEDBACK_QUEUE, FEEDBACK_SUBMITTED, feedbackSchema } from '../../lib/feedback/message';
import { envelopeSchema } from '../../lib/jobs/envelope';
import {
  inviteSchema,
  notifyBuildSchema,
  removeSchema,
  TESTFLIGHT_INVITE,
  TESTFLIGHT_NOTIFY_BUILD,
  TESTFLIGHT_QUEUE,
  TESTFLIGHT_REMOVE,
} from '../../lib/testflight/message';

/** The message types that any sender may put into a queue. */
export const WIRE_TYPES: Record<string, { queue: string; schema: z.ZodType }> = {
  [FEEDBACK_SUBMITTED]: { queue: FEEDBACK_QUEUE, schema: feedbackSchema },
  [EMAIL_MESSAGE]: { queue: EMAILS_QUEUE, schema: emailMessageSchema },
  [TESTFLIGHT_INVITE]: { queue: TESTFLIGHT_QUEUE, schema: inviteSchema },
  [TESTFLIGHT_REMOVE]: { queue: TESTFLIGHT_QUEUE, schema: removeSchema },
  [TESTFLIGHT_NOTIFY_BUILD]: { queue: TESTFLIGHT_QUEUE, schema: notifyBuildSchema },
  [ANALYTICS_EVENTS]: { queue: ANALYTICS_QUEUE, schema: analyticsSchema },
};

export const SCHEMAS = 'docs/schemas';

const jsonSchema = (schema: z.ZodType) => {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return { $schema, rest };
};

/** The JSON Schema of a whole message: the envelope with the type and the data of that type. */
export function messageSchema(type: string, { queue, schema }: { queue: string; schema: z.ZodType }): object {
  const { $schema, rest: envelope } = jsonSchema(envelopeSchema);
  const { rest: data } = jsonSchema(schema);
  return {
    $schema,
    title: type,
    description: `A message for the queue {instance}-${queue}. See docs/wire-format.md.`,
    ...envelope,
    oneOf: [{ required: ['data'] }, { required: ['dataref', 'datasha256'] }],
    properties: { ...envelope.properties, type: { const: type }, data },
  };
}

/** The text of each file in docs/schemas. */
export const schemaFiles = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(WIRE_TYPES).map(([type, about]) => [
      `${type}.json`,
      `${JSON.stringify(messageSchema(type, about), null, 2)}\n`,
    ]),
  );

/** `npm run schemas`: writes the files. */
export function writeSchemas(): void {
  mkdirSync(SCHEMAS, { recursive: true });
  for (const [name, text] of Object.entries(schemaFiles())) writeFileSync(`${SCHEMAS}/${name}`, text);
}
