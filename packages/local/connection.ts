import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import * as z from 'zod';
import { clientDefaults } from '../../lib/aws/clients';
import { realObjects } from '../../lib/aws/objects';
import { realQueues, sqsClient } from '../../lib/aws/queues';
import { realTable } from '../../lib/aws/table';
import { LOCAL_ARN } from '../../lib/startup/engine';
import { fakePrivateKey } from './fakes/app-store-connect';
import { eventKeys, signedHeaders } from './fakes/sendgrid';
import { LOCAL_CREDENTIALS } from './loopback';

/** The URLs of the emulators and the fake vendors. That of Discord is its webhook. */
export const endpointsSchema = z.object({
  ...{ sqs: z.url(), s3: z.url(), dynamodb: z.url(), eventbridge: z.url(), sns: z.url() },
  ...{ zendesk: z.url(), sendgrid: z.url(), appStoreConnect: z.url(), discord: z.url() },
});

export type Endpoints = z.infer<typeof endpointsSchema>;
export type AwsEndpoints = Pick<Endpoints, 'sqs' | 's3' | 'dynamodb' | 'eventbridge' | 'sns'>;

/** The functions sign with this key, and the fake App Store Connect checks it. The template holds only its name. */
export const APP_STORE_CONNECT_KEY = fakePrivateKey('local');

/** The fake SendGrid signs its events with these keys, and the function checks the signature. */
export const EVENT_KEYS = eventKeys();

export const awsVariables = (endpoints: AwsEndpoints, region: string): Record<string, string> => ({
  AWS_REGION: region,
  AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
  AWS_ENDPOINT_URL_SQS: endpoints.sqs,
  AWS_ENDPOINT_URL_S3: endpoints.s3,
  AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
  AWS_ENDPOINT_URL_EVENTBRIDGE: endpoints.eventbridge,
  AWS_ENDPOINT_URL_SNS: endpoints.sns,
  // Calls to any other service of AWS fail at once instead of leaving this machine.
  AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
  AWS_EC2_METADATA_DISABLED: 'true',
});

/** The vendors' endpoints and keys, limited to the variables that the function declares. */
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

const connectionSchema = z.object({
  api: z.url(),
  region: z.string(),
  endpoints: endpointsSchema,
});

export type Connection = z.infer<typeof connectionSchema>;

export const NOT_RUNNING =
  'The local service is not running. Start it in another terminal with "npm start", then run this command again.';

/** A stopped service refuses at once. Only a very busy one needs this long. */
const HEALTH_LIMIT_MS = 10_000;

const fileIn = (project: string): string => join(project, '.local', 'service.json');

/** Writes the connection to a file in the project. Returns a function that removes it. */
export function announce(connection: Connection, project = process.cwd()): () => void {
  const file = fileIn(project);
  const text = JSON.stringify(connection, null, 2);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return () => {
    // Keep the file of a service that started later.
    if (readFileSync(file, 'utf8') === text) rmSync(file);
  };
}

/** Finds the running service. A killed service leaves its file behind, so this asks the API. */
export async function findService(project = process.cwd()): Promise<Connection | undefined> {
  try {
    const connection = connectionSchema.parse(JSON.parse(readFileSync(fileIn(project), 'utf8')));
    const { ok } = await fetch(`${connection.api}/health`, { signal: AbortSignal.timeout(HEALTH_LIMIT_MS) });
    return ok ? connection : undefined;
  } catch {
    return undefined;
  }
}

type Functions = Record<string, { environment?: Record<string, string> }>;

/** Connects functions that run in this process (`sls invoke local`) to the running service only. */
export function connectFunctions(
  { endpoints, region }: Connection,
  { functions, env, account }: { functions: Functions; env: Record<string, string | undefined>; account: string },
): void {
  // They may belong to a real account and must not reach the local endpoints.
  for (const name of ['AWS_SESSION_TOKEN', 'AWS_PROFILE', 'AWS_DEFAULT_PROFILE']) delete env[name];
  Object.assign(env, awsVariables(endpoints, region), {
    [LOCAL_ARN]: `arn:aws:lambda:${region}:${account}:function:local`,
  });
  for (const declared of Object.values(functions)) {
    if (declared.environment) Object.assign(declared.environment, vendorVariables(endpoints, declared.environment));
  }
}

const webhookSchema = z.looseObject({ headers: z.record(z.string(), z.string()), body: z.string() });

/** An event with SendGrid's signature, if it is a request to the webhook. The webhook takes no request without one. */
export function signedAsSendgrid(event: unknown, now: number): unknown {
  const parsed = webhookSchema.safeParse(event);
  if (!parsed.success) return event;
  const { headers, body } = parsed.data;
  return { ...parsed.data, headers: { ...headers, ...signedHeaders(body, EVENT_KEYS, now) } };
}

interface At {
  endpoints: Pick<Endpoints, 'sqs' | 's3' | 'dynamodb'>;
  region: string;
}

export const localConfig = (region: string) => ({ ...clientDefaults, region, credentials: LOCAL_CREDENTIALS });

/** Clients of the emulators. They do not read or change this process's environment. */
export function localClients({ endpoints, region }: At) {
  const config = localConfig(region);
  return {
    dynamodb: new DynamoDBClient({ ...config, endpoint: endpoints.dynamodb }),
    s3: new S3Client({ ...config, endpoint: endpoints.s3 }),
    sqs: sqsClient({ ...config, endpoint: endpoints.sqs }),
  };
}

/** How clients of the other services of AWS reach the service on this machine. */
export function localAws({ api, endpoints, region }: Connection) {
  const at = (endpoint: string) => ({ ...localConfig(region), endpoint });
  return {
    lambda: at(`${api}/lambda`),
    cloudWatch: at(`${api}/cloudwatch`),
    eventBridge: at(endpoints.eventbridge),
    sns: at(endpoints.sns),
  };
}

export type LocalPorts = ReturnType<typeof localPorts>;

export function localPorts({ table, bucket, ...at }: At & { table: string; bucket: string }) {
  const clients = localClients(at);
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
