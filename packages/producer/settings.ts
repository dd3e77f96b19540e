import * as z from 'zod';
import { type ProducerSettings, producerSettings } from '../../lib/config/common';
import { ConfigError } from '../../lib/config/environment';
import { describeIssues } from '../../lib/jobs/envelope';
import type { Log } from '../../lib/ports';
import { invalid } from '../../lib/submit/errors';
import { jsonOf } from '../../lib/text';
import { packingLimits } from './tracker';

/** Static credentials, or a function that returns them, as the AWS SDK takes them. */
export type Credentials = ClientCredentials | (() => Promise<ClientCredentials>);

export interface ClientCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date;
}

const endpoint = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).optional();
const awsEndpoints = z.strictObject({ sqs: endpoint, dynamodb: endpoint, s3: endpoint, ssm: endpoint });

/** Where a producer's clients send instead of to AWS, for tests and the service on this machine. */
export type AwsEndpoints = z.input<typeof awsEndpoints>;

const has = (value: unknown, names: string[], type: string): boolean =>
  names.every((name) => typeof (Object(value) as Record<string, unknown>)[name] === type);

export const connectionSchema = z.strictObject({
  instance: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,30}[a-z0-9]$/, 'must be the name of an instance, e.g. my-api')
    .describe("The instance's name. By default JOBS_INSTANCE."),
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be a region of AWS, e.g. eu-central-1')
    .describe('Its region. By default AWS_REGION.'),
  settings: producerSettings
    .optional()
    .describe('By default JOBS_SETTINGS as JSON, or else the SSM parameter /jobs/{instance}/producer.'),
  endpoints: awsEndpoints.default({}).describe("By default the AWS SDK's own, such as AWS_ENDPOINT_URL_SQS."),
  credentials: z
    .custom<Credentials>(
      (value) => typeof value === 'function' || has(value, ['accessKeyId', 'secretAccessKey'], 'string'),
      'must be a function, or have accessKeyId and secretAccessKey',
    )
    .optional()
    .describe("By default the AWS SDK's own chain."),
  log: z
    .custom<Log>(
      (value) => has(value, ['info', 'warn', 'error'], 'function'),
      'must have the functions info, warn and error',
    )
    .optional()
    .describe('Gets facts without personal data. By default nothing is logged.'),
  analytics: packingLimits.prefault({}).describe('How analytics events are packed into messages.'),
});

type GivenOptions = z.input<typeof connectionSchema>;

/** How a producer is configured. Every option of the connection has a variable, so that none is required. */
export type ProducerOptions = { [Option in keyof GivenOptions]?: GivenOptions[Option] | undefined };

/** Checked options. Without `settings`, they are in the SSM parameter. */
export type ConnectionConfig = z.output<typeof connectionSchema>;

const VARIABLES: Record<string, string> = {
  instance: 'JOBS_INSTANCE',
  region: 'AWS_REGION',
  settings: 'JOBS_SETTINGS',
};

/** Completes the options from the environment. Throws one ConfigError that names every missing and wrong option. */
export function connectionConfig(options: ProducerOptions, env: Record<string, string | undefined>): ConnectionConfig {
  if (typeof options !== 'object' || options === null) throw new ConfigError('producer: the options must be an object');
  const given = {
    ...options,
    instance: options.instance ?? filled(env.JOBS_INSTANCE),
    region: options.region ?? filled(env.AWS_REGION),
    settings: options.settings ?? (filled(env.JOBS_SETTINGS) && jsonOf(env.JOBS_SETTINGS ?? '')),
  };
  const parsed = connectionSchema.safeParse(given, { reportInput: true });
  if (!parsed.success) throw new ConfigError(`producer: ${problemsOf(parsed.error).join('; ')}`);
  return parsed.data;
}

/** The settings in the text of the SSM parameter. Throws a ConfigError that names every problem. */
export function settingsIn(text: string, parameter: string): ProducerSettings {
  const parsed = producerSettings.safeParse(jsonOf(text) ?? text, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new ConfigError(`producer: the parameter ${parameter}: ${problemsOf(parsed.error).join('; ')}`);
}

/** The settings of a queue by its name. Throws an InvalidJobError if the instance leaves the queue out. */
export const queueIn =
  <Q>(queues: Readonly<Record<string, Q>>) =>
  (queue: string): Q => {
    const settings = queues[queue];
    if (settings !== undefined) return settings;
    throw invalid('queue', `the instance has no queue ${queue}, only ${Object.keys(queues).join(', ')}`);
  };

const filled = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

/** Names option, variable and rule, never the value. */
const problemsOf = (error: z.ZodError): string[] =>
  error.issues.flatMap((issue) => {
    const missing = issue.code === 'invalid_type' && issue.input === undefined;
    return describeIssues([issue]).map(({ field, message }) => {
      const variable = VARIABLES[field];
      const name = variable ? `${field} (${variable})` : field;
      return `${name}${missing ? ': is missing' : message.slice(field.length)}`;
    });
  });
