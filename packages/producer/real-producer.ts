import type { S3Client } from '@aws-sdk/client-s3';
import { clientDefaults } from '../../lib/aws/clients';
import { guarded } from '../../lib/aws/store-error';
import { realClock, realRandom } from '../../lib/aws/system';
import { producerParameter, queueName, queueUrl } from '../../lib/jobs/keys';
import { personHashes } from '../../lib/jobs/person-hash';
import type { Log, Secret } from '../../lib/ports';
import type { PostPolicy } from '../../lib/submit/uploads';
import { clientOf, type ProducerClient } from './client';
import {
  type AwsEndpoints,
  type ConnectionConfig,
  connectionConfig,
  type ProducerOptions,
  queueIn,
  settingsIn,
} from './settings';

/** The caller's log. Its failure must not fail a job, or end the process. */
function harmless(log: Log | undefined): Log {
  const writer =
    (level: keyof Log): Log[typeof level] =>
    (...line) => {
      try {
        log?.[level](...line);
      } catch {
        // The line is lost.
      }
    };
  return { info: writer('info'), warn: writer('warn'), error: writer('error') };
}

/**
 * Makes a producer on AWS. It reads the environment for options that are missing, and makes no call. Throws one
 * ConfigError that names all missing and wrong options. Make one per process, and close it at the end.
 */
export function realProducer(options: ProducerOptions = {}): ProducerClient {
  const config = connectionConfig(options, process.env);
  return clientOf(() => connect(config, harmless(config.log)), {
    analytics: config.analytics,
    clock: realClock,
    // Lambda freezes a process right after its answer.
    marksAfterAnswer: process.env.AWS_LAMBDA_FUNCTION_NAME === undefined,
  });
}

/** Loads the clients of AWS, and reads the settings if the options have none. Rejects with a StoreError or a ConfigError. */
async function connect(config: ConnectionConfig, log: Log) {
  const { instance, region } = config;
  const parameter = producerParameter(instance);
  const [{ realQueues, sqsClient }, { dynamoClient, realTable }, objects, settings] = await Promise.all([
    import('../../lib/aws/queues.ts'),
    import('../../lib/aws/table.ts'),
    import('../../lib/aws/objects.ts'),
    config.settings ?? readParameter(config, parameter).then((text) => settingsIn(text, parameter)),
  ]);
  const sqs = sqsClient(clientConfig(config, 'sqs'));
  const dynamo = dynamoClient(clientConfig(config, 'dynamodb'));
  // The emulators know no host names of buckets.
  const s3 = objects.s3Client({ ...clientConfig(config, 's3'), forcePathStyle: config.endpoints.s3 !== undefined });
  const { bucket, kmsKey } = settings;
  const queueOf = queueIn(settings.queues);
  return {
    table: realTable({ table: settings.table, client: dynamo }),
    queues: realQueues(sqs),
    objects: objects.realObjects({ bucket, kmsKey, client: s3 }),
    readObject: objects.realObjectReader({ bucket, client: s3 }),
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
    sign: (policy: PostPolicy) => signPost(s3, { bucket, kmsKey, policy }),
    async disconnect() {
      for (const client of [sqs, dynamo, s3]) client.destroy();
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

/** S3 refuses a form without one of the fields, or with another value. */
async function signPost(
  client: S3Client,
  { bucket, kmsKey, policy }: { bucket: string; kmsKey: string | undefined; policy: PostPolicy },
) {
  const { createPresignedPost } = await import('@aws-sdk/s3-presigned-post');
  const { key, contentType, minBytes, maxBytes, expiresIn } = policy;
  const encryption = 'x-amz-server-side-encryption';
  return createPresignedPost(client, {
    Bucket: bucket,
    Key: key,
    Fields: {
      'Content-Type': contentType,
      ...(kmsKey && { [encryption]: 'aws:kms', [`${encryption}-aws-kms-key-id`]: kmsKey }),
    },
    Conditions: [
      ['content-length-range', minBytes, maxBytes],
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
