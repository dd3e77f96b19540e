import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { analyticsSchema } from '../../lib/analytics/message';
import { analyticsContract } from '../../lib/analytics/process';
import { JOB_ENDED } from '../../lib/aws/events';
import { campaignSchema } from '../../lib/emails/message';
import { emailsContract } from '../../lib/emails/process';
import { recipientSchema } from '../../lib/emails/recipients';
import { feedbackSchema } from '../../lib/feedback/message';
import { feedbackContract } from '../../lib/feedback/process';
import { envelopeSchema } from '../../lib/jobs/envelope';
import { inviteSchema, notifyBuildSchema, removeSchema } from '../../lib/testflight/message';
import { testflightContract } from '../../lib/testflight/process';
import { instanceFile } from '../../resources/instances/file';
import { readDefaults } from '../../resources/instances/read';
import { completionSchema } from './completion-schema';
import { settingsPage } from './settings-page';
import { fieldsPage } from './written-pages';

export const contracts = [feedbackContract, emailsContract, testflightContract, analyticsContract].map((contract) =>
  contract({} as never),
);
const ONLY_OURS = ['email.campaign.v1', 'email.campaign-chunk.v1'];

/** The message types that any sender may put into a queue: all but those that only our own code sends. */
export const WIRE_TYPES: Record<string, { queue: string; schema: z.ZodType }> = Object.fromEntries(
  contracts.flatMap(({ queue, types }) =>
    Object.entries(types).flatMap(([type, { schema }]) =>
      ONLY_OURS.includes(type) ? [] : [[type, { queue, schema }]],
    ),
  ),
);

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

/** The file about completion events. */
export const EVENT_SCHEMA = `${SCHEMAS}/job-ended.event.json`;

/** The JSON Schema of a completion event, as a rule's target gets it. */
function eventSchema(): object {
  const { $schema, rest: detail } = jsonSchema(completionSchema);
  return {
    $schema,
    title: JOB_ENDED,
    description: 'An event about the end of a job. See docs/events.md.',
    type: 'object',
    required: ['source', 'detail-type', 'detail'],
    properties: {
      source: { type: 'string', pattern: '^jobs\\.', description: 'jobs.{instance}' },
      'detail-type': { const: JOB_ENDED },
      time: { type: 'string', format: 'date-time' },
      detail,
    },
  };
}

const INSTANCE = 'instances/schema.json';
const OPENAPI = 'examples/express-api/openapi.json';

/** The bodies of the example's requests. */
function bodySchemas(): Record<string, unknown> {
  const of = (schema: z.ZodType) => jsonSchema(schema).rest;
  const acting = (action: string, schema: z.core.JSONSchema.BaseSchema): object =>
    schema.oneOf
      ? { oneOf: schema.oneOf.map((one) => acting(action, one as z.core.JSONSchema.BaseSchema)) }
      : {
          ...schema,
          properties: { action: { const: action }, ...schema.properties },
          required: ['action', ...(schema.required ?? [])],
        };
  const campaign = of(campaignSchema);
  const recipients = { type: 'array', minItems: 1, items: of(recipientSchema) };
  const feedback = of(feedbackSchema);
  const { user, ...fields } = (feedback.properties ?? {}) as Record<string, z.core.JSONSchema.BaseSchema>;
  // The authentication gives the id.
  const { id: _id, ...asked } = user?.properties ?? {};
  return {
    Feedback: { ...feedback, properties: { user: { ...user, properties: asked }, ...fields } },
    Campaign: {
      ...campaign,
      properties: { ...campaign.properties, recipients },
      required: [...(campaign.required ?? []), 'recipients'],
    },
    Testflight: {
      oneOf: [
        acting('invite', of(inviteSchema)),
        acting('remove', of(removeSchema)),
        acting('notify-build', of(notifyBuildSchema)),
      ],
    },
    Events: of(analyticsSchema),
  };
}

/** The example's OpenAPI document, with the bodies of today's code. */
function openapi(): object {
  const document = JSON.parse(readFileSync(OPENAPI, 'utf8')) as { components: { schemas: object } };
  Object.assign(document.components.schemas, bodySchemas());
  return document;
}

/** The JSON Schema of an instance's file, by which editors complete and check it. */
function instanceSchema(): object {
  const whole = JSON.stringify(z.toJSONSchema(instanceFile, { io: 'input' }));
  // A profile may have what the file leaves out.
  const { properties = {}, ...schema } = JSON.parse(whole, (key, value) =>
    key === 'required' || key === 'default' ? undefined : value,
  ) as z.core.JSONSchema.BaseSchema;
  const {
    additionalProperties: queue,
    propertyNames: _names,
    ...queues
  } = properties.queues as z.core.JSONSchema.BaseSchema;
  const names = Object.keys(readDefaults().queues);
  const known = {
    ...queues,
    properties: Object.fromEntries(names.map((name) => [name, { $ref: '#/$defs/queue' }])),
    additionalProperties: false,
  };
  return {
    title: 'Instance',
    ...schema,
    properties: { ...properties, queues: known },
    $defs: { queue: { anyOf: [queue, { type: 'null' }] } },
  };
}

/** The text of each file that follows from the schemas. */
export const schemaFiles = (): Record<string, string> => {
  const messages = Object.entries(WIRE_TYPES).map(([type, about]) => [
    `${SCHEMAS}/${type}.json`,
    messageSchema(type, about),
  ]);
  const files = [...messages, [EVENT_SCHEMA, eventSchema()], [OPENAPI, openapi()], [INSTANCE, instanceSchema()]];
  const texts = files.map(([name, content]) => [name, `${JSON.stringify(content, null, 2)}\n`]);
  const written = { 'docs/settings.md': settingsPage(), 'packages/producer/fields.md': fieldsPage() };
  return { ...Object.fromEntries(texts), ...written };
};
