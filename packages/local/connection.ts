import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { LOCAL_ARN } from '../../handlers/startup/engine';
import { emulatorDefaults } from '../../lib/platform/aws/clients';
import { realObjects } from '../../lib/platform/aws/objects';
import { realQueues, sqsClient } from '../../lib/platform/aws/queues';
import { dynamoClient, realTable } from '../../lib/platform/aws/table';
import { eventKeys, signedHeaders } from './fakes/sendgrid';
import { ACCOUNT, LOCAL_CREDENTIALS, REGION } from './loopback';

/** The URLs of a running service. `aws`: services of AWS without an emulator. That of Discord is its webhook. */
export type Endpoints = AwsEndpoints & Record<'api' | 'zendesk' | 'sendgrid' | 'appStoreConnect' | 'discord', string>;
export type AwsEndpoints = Record<'sqs' | 's3' | 'dynamodb' | 'aws', string>;

/** The functions sign their tokens with this key. The template holds only its name. */
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const APP_STORE_CONNECT_KEY = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** The fake SendGrid signs its events with these keys, and the function checks the signature. */
export const EVENT_KEYS = eventKeys();

export const awsVariables = (endpoints: AwsEndpoints): Record<string, string> => ({
  AWS_REGION: REGION,
  AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
  AWS_ENDPOINT_URL_SQS: endpoints.sqs,
  AWS_ENDPOINT_URL_S3: endpoints.s3,
  AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
  // It refuses calls that it does not know. So none leaves this machine.
  AWS_ENDPOINT_URL: endpoints.aws,
  AWS_EC2_METADATA_DISABLED: 'true',
});

export function vendorVariables(endpoints: Endpoints, declared: object): Record<string, string> {
  const variables = {
    ZENDESK_ENDPOINT: endpoints.zendesk,
    SENDGRID_ENDPOINT: endpoints.sendgrid,
    SENDGRID_EVENTS_KEY: EVENT_KEYS.publicKey,
    APP_STORE_CONNECT_ENDPOINT: endpoints.appStoreConnect,
    APP_STORE_CONNECT_PRIVATE_KEY: APP_STORE_CONNECT_KEY,
    DISCORD_WEBHOOK_URL: endpoints.discord,
  };
  return Object.fromEntries(Object.entries(variables).filter(([name]) => name in declared));
}

export const NOT_RUNNING =
  'The local service is not running. Start it in another terminal with "npm start", then run this command again.';

const fileIn = (project: string): string => join(project, '.local', 'service.json');

export function announce(endpoints: Endpoints, project = process.cwd()): () => void {
  const file = fileIn(project);
  const text = JSON.stringify(endpoints, null, 2);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return () => {
    // Keep the file of a service that started later.
    if (readFileSync(file, 'utf8') === text) rmSync(file);
  };
}

/** Finds the running service. A killed service leaves its file behind, so this asks for the page of fakes. */
export async function findService(project = process.cwd()): Promise<Endpoints | undefined> {
  try {
    const endpoints = JSON.parse(readFileSync(fileIn(project), 'utf8')) as Endpoints;
    const { ok } = await fetch(`${endpoints.api}/fakes`, { signal: AbortSignal.timeout(60_000) });
    return ok ? endpoints : undefined;
  } catch {
    return undefined;
  }
}

/** Connects functions that run in this process (`sls invoke local`) to the running service only. */
export function connectFunctions(
  endpoints: Endpoints,
  functions: Record<string, { environment?: Record<string, string> }>,
  env: Record<string, string | undefined>,
): void {
  // They may belong to a real account and must not reach the local endpoints.
  for (const name of ['AWS_SESSION_TOKEN', 'AWS_PROFILE', 'AWS_DEFAULT_PROFILE']) delete env[name];
  const arn = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:local`;
  Object.assign(env, awsVariables(endpoints), { [LOCAL_ARN]: arn });
  for (const declared of Object.values(functions)) {
    if (declared.environment) Object.assign(declared.environment, vendorVariables(endpoints, declared.environment));
  }
}

/** An event with SendGrid's signature, if it is a request to the webhook. The webhook takes no request without one. */
export function signedAsSendgrid(event: unknown, now: number): unknown {
  const { headers, body } = (event ?? {}) as { headers?: object; body?: unknown };
  if (typeof body !== 'string') return event;
  return { ...(event as object), headers: { ...headers, ...signedHeaders(body, EVENT_KEYS, now) } };
}

/** How a client of AWS reaches an endpoint of this machine. It reads and changes no variable of this process. */
export const localConfig = (endpoint: string) => ({
  ...emulatorDefaults,
  region: REGION,
  endpoint,
  credentials: LOCAL_CREDENTIALS,
});

type Emulators = Omit<AwsEndpoints, 'aws'>;

export const localClients = ({ sqs, s3, dynamodb }: Emulators) => ({
  dynamodb: dynamoClient(localConfig(dynamodb)),
  s3: new S3Client(localConfig(s3)),
  sqs: sqsClient(localConfig(sqs)),
});

export function localPorts(endpoints: Emulators, { table, bucket }: { table: string; bucket: string }) {
  const clients = localClients(endpoints);
  return {
    clients,
    queues: realQueues(clients.sqs),
    table: realTable({ table, client: clients.dynamodb }),
    objects: realObjects({ bucket, client: clients.s3 }),
    close(): void {
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}
