import type { S3Client } from '@aws-sdk/client-s3';
import { clientDefaults } from '../aws/clients';
import { guarded } from '../aws/store-error';
import { realClock, realRandom } from '../aws/system';
import type { ProducerSettings } from '../config/producer';
import { producerParameter, queueName, queueUrl } from '../jobs/keys';
import { personHashes } from '../jobs/person-hash';
import type { Log, Objects, Secret } from '../ports';
import { type AwsEndpoints, type ConnectionConfig, queueIn, settingsIn } from './settings';
import type { PostPolicy } from './uploads';

/** The ports of a producer on AWS, and how to close their connections. */
export type Connection = Awaited<ReturnType<typeof connect>>;

/**
 * Loads the clients of SQS and DynamoDB, and reads the settings if the options have none. The client of S3 is loaded
 * with the first object. Rejects with a StoreError or a ConfigError.
 */
export async function connect(config: ConnectionConfig, log: Log) {
  const { instance, region } = config;
  const [sqs, dynamo, settings] = await Promise.all([
    loadQueues(config),
    loadTable(config),
    config.settings ?? readSettings(config),
  ]);
  const bucket = lazily(() => loadBucket(config, settings.bucket));
  const queueOf = queueIn(settings.queues);
  return {
    table: dynamo.table(settings.table),
    queues: sqs.queues,
    objects: later<Objects>(async () => (await bucket()).objects, OBJECTS),
    readObject: async function* (key: string) {
      yield* (await bucket()).readObject(key);
    },
    clock: realClock,
    random: realRandom,
    log,
    source: `/${instance}/api`,
    prefix: settings.prefix,
    hashPeople: personHashes(keyOf(config, settings.hashKey), realClock),
    emailRate: settings.emailRate,
    settings: queueOf,
    queueNames: Object.keys(settings.queues),
    queueUrl: (queue: string) => queueUrl(region, settings.account, queueName(instance, queue, queueOf(queue).type)),
    sign: async (policy: PostPolicy) => (await bucket()).sign(policy),
    async disconnect() {
      sqs.close();
      dynamo.close();
      if (bucket.started()) (await bucket()).close();
    },
  };
}

type Service = keyof AwsEndpoints;

/** The ledger repeats a call to the table itself. Together all tries end after about seven seconds. */
const LIMITS: Partial<Record<Service, object>> = {
  dynamodb: { maxAttempts: 1, requestHandler: { ...clientDefaults.requestHandler, requestTimeout: 2_000 } },
};

const clientConfig = ({ region, credentials, endpoints }: ConnectionConfig, service: Service) => ({
  ...clientDefaults,
  ...LIMITS[service],
  region,
  ...(credentials && { credentials }),
  ...(endpoints[service] === undefined ? {} : { endpoint: endpoints[service] }),
});

async function loadQueues(config: ConnectionConfig) {
  const { realQueues, sqsClient } = await import('../aws/queues.ts');
  const client = sqsClient(clientConfig(config, 'sqs'));
  return { queues: realQueues(client), close: () => client.destroy() };
}

async function loadTable(config: ConnectionConfig) {
  const { dynamoClient, realTable } = await import('../aws/table.ts');
  const client = dynamoClient(clientConfig(config, 'dynamodb'));
  return { table: (table: string) => realTable({ table, client }), close: () => client.destroy() };
}

async function loadBucket(config: ConnectionConfig, bucket: string) {
  const [{ realObjects, s3Client }, { realObjectReader }] = await Promise.all([
    import('../aws/objects.ts'),
    import('../aws/object-stream.ts'),
  ]);
  // The emulators know no host names of buckets.
  const client = s3Client({ ...clientConfig(config, 's3'), forcePathStyle: config.endpoints.s3 !== undefined });
  return {
    sign: (policy: PostPolicy) => signPost(client, bucket, policy),
    objects: realObjects({ bucket, client }),
    readObject: realObjectReader({ bucket, client }),
    close: () => client.destroy(),
  };
}

async function signPost(client: S3Client, bucket: string, policy: PostPolicy) {
  const { createPresignedPost } = await import('@aws-sdk/s3-presigned-post');
  const { key, contentType, minBytes, maxBytes, expiresIn } = policy;
  return createPresignedPost(client, {
    Bucket: bucket,
    Key: key,
    Fields: { 'Content-Type': contentType },
    Conditions: [
      ['content-length-range', minBytes, maxBytes],
      ['eq', '$Content-Type', contentType],
    ],
    Expires: expiresIn,
  });
}

async function readSettings(config: ConnectionConfig): Promise<ProducerSettings> {
  const name = producerParameter(config.instance);
  return settingsIn(await readParameter(config, name), name);
}

/** The secret that a reference names. A local instance has the secret itself. */
function keyOf(config: ConnectionConfig, reference: string | undefined): Secret | undefined {
  const [, path] = /^ssm:(.+)$/.exec(reference ?? '') ?? [];
  if (path !== undefined) return () => readParameter(config, path);
  return reference === undefined ? undefined : async () => reference;
}

async function readParameter(config: ConnectionConfig, name: string): Promise<string> {
  const { GetParameterCommand, SSMClient } = await import('@aws-sdk/client-ssm');
  const client = new SSMClient(clientConfig(config, 'ssm'));
  try {
    const call = () => client.send(new GetParameterCommand({ Name: name, WithDecryption: true }));
    const { Parameter } = await guarded({ service: 'SSM', operation: 'GetParameter', call });
    return Parameter?.Value ?? '';
  } finally {
    client.destroy();
  }
}

/** Calls `make` once, at the first call. After a failure the next call tries again. */
export function lazily<T>(make: () => Promise<T>): (() => Promise<T>) & { started: () => boolean } {
  let made: Promise<T> | undefined;
  const get = () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
  return Object.assign(get, { started: () => made !== undefined });
}

/** An object whose functions load the object that has them, and call it. `names`: all its functions. */
export const later = <T extends object>(load: () => Promise<T>, names: Record<keyof T, true>): T =>
  Object.fromEntries(
    Object.keys(names).map((name) => [
      name,
      async (...args: unknown[]) => {
        const loaded = (await load()) as Record<string, (...args: unknown[]) => unknown>;
        return loaded[name]?.(...args);
      },
    ]),
  ) as T;

const OBJECTS = { put: true, create: true, replace: true, get: true, read: true, delete: true, list: true } as const;
