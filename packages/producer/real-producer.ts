import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { describeIssues } from '../../lib/engine/jobs/envelope';
import { producerParameter, queueName, queueUrl } from '../../lib/engine/jobs/keys';
import { personHashes } from '../../lib/engine/jobs/person-hash';
import { invalid } from '../../lib/engine/submit/errors';
import { suppressionList } from '../../lib/mail/suppression';
import { clientDefaults, emulatorDefaults, guarded } from '../../lib/platform/aws/clients';
import { realClock, realRandom } from '../../lib/platform/aws/system';
import { ConfigError, type ProducerSettings, producerSettings } from '../../lib/platform/config/common';
import type { Log, Secret } from '../../lib/platform/ports';
import { jsonOf } from '../../lib/platform/text';
import type { PostPolicy } from '../../lib/queues/uploads';
import { AT_ONCE, createTurns } from './calls';
import { clientOf, type Producer } from './client';
import { type OnRejected, packingLimits } from './tracker';

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
  credentials: z.custom<Credentials>().optional().describe("By default the AWS SDK's own chain."),
  log: z.custom<Log>().optional().describe('Gets facts without personal data. By default nothing is logged.'),
  onRejected: z
    .custom<OnRejected>()
    .optional()
    .describe('Gets the error and the event that `track` did not take. By default the log has a line a minute.'),
  ownFiles: z
    .boolean()
    .default(false)
    .describe('Jobs may name files that the API has put beside the uploads. The API checks whose they are.'),
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
  const text = env.JOBS_SETTINGS ?? '';
  return configured(connectionSchema, {
    ...options,
    instance: options.instance ?? (env.JOBS_INSTANCE || undefined),
    region: options.region ?? (env.AWS_REGION || undefined),
    settings: options.settings ?? jsonOf(text) ?? (text || undefined),
  });
}

/** Parses by a schema. Throws a ConfigError that names options, variables and rules, never values. */
function configured<T>(schema: z.ZodType<T>, given: unknown, where = ''): T {
  const { success, data, error } = schema.safeParse(given, { reportInput: true });
  if (success) return data;
  const problems = error.issues.flatMap((issue) => {
    const missing = issue.code === 'invalid_type' && issue.input === undefined;
    return describeIssues([issue]).map(({ field, message }) => {
      const name = VARIABLES[field] ? `${field} (${VARIABLES[field]})` : field;
      return `${name}${missing ? ': is missing' : message.slice(field.length)}`;
    });
  });
  throw new ConfigError(`producer: ${where}${problems.join('; ')}`);
}

/** The settings of a queue by its name. Throws an InvalidJobError if the instance leaves the queue out. */
export const queueIn =
  <Q>(queues: Readonly<Record<string, Q>>) =>
  (queue: string): Q => {
    const settings = queues[queue];
    if (settings !== undefined) return settings;
    throw invalid('queue', `the instance has no queue ${queue}, only ${Object.keys(queues).join(', ')}`);
  };

/** The caller's log. Its failure loses the line. It must not fail a job, or end the process. */
function harmless(log: Log | undefined): Log {
  const writer =
    (level: keyof Log): Log[typeof level] =>
    (...line) =>
      void (async () => log?.[level](...line))().catch(() => {});
  return { info: writer('info'), warn: writer('warn'), error: writer('error') };
}

/**
 * Makes a producer on AWS. It reads the environment for options that are missing, and makes no call. Throws one
 * ConfigError that names all missing and wrong options. Make one per process, and close it at the end.
 */
export function realProducer(options: ProducerOptions = {}): Producer {
  const config = connectionConfig(options, process.env);
  const log = harmless(config.log);
  return clientOf(() => connect(config, log), {
    log,
    onRejected: config.onRejected,
    analytics: config.analytics,
    clock: realClock,
    // Lambda freezes a process right after its answer.
    marksAfterAnswer: process.env.AWS_LAMBDA_FUNCTION_NAME === undefined,
  });
}

/** Loads the clients of AWS, and reads the settings if the options have none. Rejects with a StoreError or a ConfigError. */
async function connect(config: ConnectionConfig, log: Log) {
  const { instance, region } = config;
  const [{ realQueues, sqsClient }, { dynamoClient, realTable }, objects, settings] = await Promise.all([
    import('../../lib/platform/aws/queues.ts'),
    import('../../lib/platform/aws/table.ts'),
    import('../../lib/platform/aws/objects.ts'),
    config.settings ?? readSettings(config),
  ]);
  const configOf = (service: keyof AwsEndpoints) => clientConfig(config, service, log);
  const sqs = sqsClient(configOf('sqs'));
  const dynamo = dynamoClient(configOf('dynamodb'));
  // The emulators know no host names of buckets.
  const s3 = objects.s3Client({ ...configOf('s3'), forcePathStyle: config.endpoints.s3 !== undefined });
  for (const client of [sqs, dynamo, s3]) sendInTurn(client);
  const { bucket, kmsKey, prefix, suppressionKey } = settings;
  const queueOf = queueIn(settings.queues);
  const hashesOf = (reference: string) => personHashes(keyOf(config, reference), realClock);
  const realObjects = objects.realObjects({ bucket, kmsKey, client: s3 });
  const suppression =
    suppressionKey === undefined
      ? undefined
      : suppressionList({ objects: realObjects, prefix, hashPeople: hashesOf(suppressionKey) });
  return {
    suppression,
    table: realTable({ table: settings.table, client: dynamo }),
    queues: realQueues(sqs),
    objects: realObjects,
    readObject: objects.realObjectReader({ bucket, client: s3 }),
    clock: realClock,
    random: realRandom,
    log,
    source: `/${instance}/api`,
    prefix,
    ownFiles: config.ownFiles,
    hashPeople: hashesOf(settings.hashKey),
    emailRate: settings.emailRate,
    firstWave: settings.firstWave,
    settings: queueOf,
    queueNames: Object.keys(settings.queues),
    queueUrl: (queue: string) => queueUrl(region, settings.account, queueName(instance, queue, queueOf(queue).type)),
    sign: (policy: PostPolicy) => guarded('S3')('PresignPost', () => signPost(s3, settings, policy)),
    async disconnect() {
      for (const client of [sqs, dynamo, s3]) client.destroy();
    },
  };
}

/** A time-out of the SDK starts when the call has its place. So it never counts the wait for a socket. */
function sendInTurn({ middlewareStack }: Pick<SQSClient | DynamoDBClient | S3Client, 'middlewareStack'>): void {
  const { inTurn } = createTurns(AT_ONCE);
  const stack = middlewareStack as SQSClient['middlewareStack'];
  stack.add((next) => (args) => inTurn(() => next(args)), { step: 'deserialize', priority: 'high' });
}

function clientConfig({ region, credentials, endpoints }: ConnectionConfig, service: keyof AwsEndpoints, log?: Log) {
  const endpoint = endpoints[service];
  const { requestHandler, maxAttempts } = endpoint === undefined ? clientDefaults : emulatorDefaults;
  // The SDK's warnings are about sockets and time-outs. Without a log they would go to the console.
  const logger = { warn: (text: string) => log?.warn('the AWS SDK warns', { text }) };
  const isTable = service === 'dynamodb';
  return {
    // The ledger repeats a call to the table itself. Together all tries on AWS end after about seven seconds.
    maxAttempts: isTable ? 1 : maxAttempts,
    requestHandler: {
      ...requestHandler,
      ...(isTable && endpoint === undefined && { requestTimeout: 2_000 }),
      logger: logger as Console,
    },
    region,
    ...(credentials && { credentials }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

/** S3 refuses a form without one of the fields, or with another value. */
async function signPost(client: S3Client, { bucket, kmsKey }: ProducerSettings, policy: PostPolicy) {
  const { createPresignedPost } = await import('@aws-sdk/s3-presigned-post');
  const { key, contentType, maxBytes, expiresIn } = policy;
  const encryption = 'x-amz-server-side-encryption';
  return createPresignedPost(client, {
    Bucket: bucket,
    Key: key,
    Fields: {
      'Content-Type': contentType,
      ...(kmsKey && { [encryption]: 'aws:kms', [`${encryption}-aws-kms-key-id`]: kmsKey }),
    },
    Conditions: [
      ['content-length-range', 1, maxBytes],
      ['eq', '$Content-Type', contentType],
    ],
    Expires: expiresIn,
  });
}

/** The secret that a reference names. A local instance has the secret itself. */
function keyOf(config: ConnectionConfig, reference: string): Secret {
  const [, path] = /^ssm:(.+)$/.exec(reference) ?? [];
  return path === undefined ? async () => reference : () => readParameter(config, path);
}

async function readSettings(config: ConnectionConfig): Promise<ProducerSettings> {
  const name = producerParameter(config.instance);
  const text = await readParameter(config, name);
  return configured(producerSettings, jsonOf(text) ?? text, `the parameter ${name}: `);
}

async function readParameter(config: ConnectionConfig, name: string): Promise<string> {
  const { GetParameterCommand, SSMClient } = await import('@aws-sdk/client-ssm');
  const client = new SSMClient(clientConfig(config, 'ssm'));
  try {
    const asked = new GetParameterCommand({ Name: name, WithDecryption: true });
    const { Parameter } = await guarded('SSM')('GetParameter', () => client.send(asked));
    return Parameter?.Value ?? '';
  } finally {
    client.destroy();
  }
}
