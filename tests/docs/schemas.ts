import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { envelopeSchema } from '../../lib/engine/jobs/envelope';
import { JOB_ENDED } from '../../lib/platform/aws/events';
import { groupBy } from '../../lib/platform/group-by';
import { analyticsSchema } from '../../lib/queues/analytics/message';
import { analyticsContract } from '../../lib/queues/analytics/process';
import { campaignSchema, emailMessageSchema } from '../../lib/queues/emails/message';
import { emailsContract } from '../../lib/queues/emails/process';
import { recipientSchema } from '../../lib/queues/emails/recipients';
import { feedbackSchema } from '../../lib/queues/feedback/message';
import { feedbackContract } from '../../lib/queues/feedback/process';
import { inviteSchema, notifyBuildSchema, removeSchema } from '../../lib/queues/testflight/message';
import { testflightContract } from '../../lib/queues/testflight/process';
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

/**
 * A pattern that JavaScript, Python and RE2 read alike. Digits and letters are those of ASCII, as they are not in Python,
 * and characters are written without \\u, which RE2 does not know.
 */
const common = (pattern: string): string =>
  pattern
    .replaceAll(/\[(?:\\.|[^\]\\])*\]|\\[dws]/g, (set) => {
      const inside = set.startsWith('[') ? set.slice(1, -1) : set;
      return `[${inside.replaceAll('\\d', '0-9').replaceAll('\\w', 'A-Za-z0-9_').replaceAll('\\s', ' \\t\\r\\n')}]`;
    })
    .replaceAll(/\\u00([0-9a-f]{2})/g, '\\x$1')
    .replaceAll(/\\u([0-9a-f]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));

const jsonSchema = (schema: z.ZodType) => {
  const text = JSON.stringify(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  const { $schema, ...rest } = JSON.parse(text, (key, value) => {
    if (key === 'pattern' && typeof value === 'string') return common(value);
    // The strict mode of Ajv wants a property beside each name that is required.
    const { required = [], properties = {} } = (value ?? {}) as { required?: string[]; properties?: object };
    if (required.length === 0) return value;
    return { ...value, properties: { ...Object.fromEntries(required.map((name) => [name, {}])), ...properties } };
  }) as z.core.JSONSchema.BaseSchema;
  return { $schema, rest };
};

const { version: VERSION } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const idOf = (name: string) => `urn:background-jobs:${name}`;

/** The JSON Schema of a whole message: the envelope with the type and the data of that type. */
export function messageSchema(
  type: string,
  { queue, schema }: { queue: string; schema: z.ZodType },
): Record<string, unknown> {
  const { $schema, rest: envelope } = jsonSchema(envelopeSchema);
  const { rest: data } = jsonSchema(schema);
  return {
    $schema,
    $id: idOf(type),
    title: type,
    description: `A message for the queue {instance}-${queue}. See docs/wire-format.md.`,
    ...envelope,
    oneOf: [
      { properties: { data: {} }, required: ['data'] },
      { properties: { dataref: {}, datasha256: {} }, required: ['dataref', 'datasha256'] },
    ],
    properties: { ...envelope.properties, type: { const: type }, data },
  };
}

/** What callers give to the producer's functions, for the document of their own API. */
const inputs = (): Record<string, object> => {
  const { events } = jsonSchema(analyticsSchema).rest.properties ?? {};
  const of = (schema: z.ZodType) => jsonSchema(schema).rest;
  return {
    feedback: of(feedbackSchema),
    email: of(emailMessageSchema),
    campaign: of(campaignSchema),
    recipient: of(recipientSchema),
    invite: of(inviteSchema),
    removeTester: of(removeSchema),
    notifyBuild: of(notifyBuildSchema),
    track: (events as z.core.JSONSchema.BaseSchema).items as object,
  };
};

const ENDS = 'job-ended';
const at = (...path: string[]) => ({ $ref: `#/${path.join('/')}` });

/** A channel of the AsyncAPI document, and what an API does with it. */
function channel(name: string, types: string[]) {
  const [address, title, action] =
    name === ENDS
      ? ['{instance}-jobs', 'A bus of EventBridge', 'receive']
      : [`{instance}-${name}.fifo`, 'A FIFO queue of SQS', 'send'];
  const parameters = { instance: { description: "The instance's name." } };
  const messages = Object.fromEntries(types.map((type) => [type, at('components', 'messages', type)]));
  return { channel: { address, title, parameters, messages }, operation: { action, channel: at('channels', name) } };
}

/** The queues and the bus as an AsyncAPI document, with the messages of these schemas. */
function asyncApi(): object {
  const message = (name: string, payload: object) => [name, { name, contentType: 'application/json', payload }];
  const types = groupBy(Object.keys(WIRE_TYPES), (type) => WIRE_TYPES[type]?.queue ?? '');
  const channels = [...types, [ENDS, [ENDS]] as const].map(([name, all]) => [name, channel(name, [...all])] as const);
  const messages = Object.entries(WIRE_TYPES).map(([type, about]) => message(type, messageSchema(type, about)));
  return {
    asyncapi: '3.0.0',
    info: { title: 'Background jobs', version: VERSION, description: 'See docs/wire-format.md and docs/events.md.' },
    channels: Object.fromEntries(channels.map(([name, one]) => [name, one.channel])),
    operations: Object.fromEntries(channels.map(([name, one]) => [name, one.operation])),
    components: { messages: Object.fromEntries([...messages, message(ENDS, eventSchema())]) },
  };
}

/** The file about completion events. */
export const EVENT_SCHEMA = `${SCHEMAS}/job-ended.event.json`;

/** The JSON Schema of a completion event, as a rule's target gets it. */
function eventSchema(): Record<string, unknown> {
  const { $schema, rest: detail } = jsonSchema(completionSchema);
  return {
    $schema,
    $id: idOf('job-ended'),
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
  const description = 'true: also if a campaign brought this content to these recipients within 24 hours.';
  const again = { type: 'boolean', description };
  const recipients = { type: 'array', minItems: 1, items: of(recipientSchema) };
  const feedback = of(feedbackSchema);
  const { user, ...fields } = (feedback.properties ?? {}) as Record<string, z.core.JSONSchema.BaseSchema>;
  // The authentication gives the id.
  const { id: _id, ...asked } = user?.properties ?? {};
  return {
    Feedback: { ...feedback, properties: { user: { ...user, properties: asked }, ...fields } },
    Campaign: {
      ...campaign,
      properties: { ...campaign.properties, recipients, again },
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
  const files = [
    ...messages,
    [EVENT_SCHEMA, eventSchema()],
    [`${SCHEMAS}/inputs.json`, inputs()],
    [`${SCHEMAS}/asyncapi.json`, asyncApi()],
    [OPENAPI, openapi()],
    [INSTANCE, instanceSchema()],
  ];
  const texts = files.map(([name, content]) => [name, `${JSON.stringify(content, null, 2)}\n`]);
  const written = { 'docs/settings.md': settingsPage(), 'packages/producer/fields.md': fieldsPage() };
  return { ...Object.fromEntries(texts), ...written };
};
