import { LOCAL_CREDENTIALS } from './emulators/emulator';
import { fakePrivateKey } from './fakes/app-store-connect-token';
import { eventKeys } from './fakes/sendgrid-events';

/** The URLs of the emulators and the fake vendors. */
export interface Endpoints {
  sqs: string;
  s3: string;
  dynamodb: string;
  eventbridge: string;
  zendesk: string;
  sendgrid: string;
  appStoreConnect: string;
  /** URL of the webhook. */
  discord: string;
}

/** The functions sign with this key, and the fake App Store Connect checks it. The template holds only its name. */
export const APP_STORE_CONNECT_KEY = fakePrivateKey('local');

/** The fake SendGrid signs its events with these keys, and the function checks the signature. */
export const EVENT_KEYS = eventKeys();

/** The variables that lead a process to the emulators instead of AWS. */
export function awsVariables(
  {
    sqs,
    s3,
    dynamodb,
    eventbridge,
    sns,
  }: Pick<Endpoints, 'sqs' | 's3' | 'dynamodb' | 'eventbridge'> & { sns?: string },
  region: string,
): Record<string, string> {
  return {
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    AWS_ENDPOINT_URL_SQS: sqs,
    AWS_ENDPOINT_URL_S3: s3,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
    AWS_ENDPOINT_URL_EVENTBRIDGE: eventbridge,
    ...(sns === undefined ? {} : { AWS_ENDPOINT_URL_SNS: sns }),
    // Calls to any other service of AWS fail at once instead of leaving this machine.
    AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

/** The vendors' endpoints and keys, limited to the variables that the function declares. */
export function vendorVariables(endpointsOf: Endpoints, declared: object): Record<string, string> {
  const endpoints = {
    ZENDESK_ENDPOINT: endpointsOf.zendesk,
    SENDGRID_ENDPOINT: endpointsOf.sendgrid,
    SENDGRID_EVENTS_KEY: EVENT_KEYS.publicKey,
    APP_STORE_CONNECT_ENDPOINT: endpointsOf.appStoreConnect,
    APP_STORE_CONNECT_PRIVATE_KEY: APP_STORE_CONNECT_KEY,
    DISCORD_WEBHOOK_URL: endpointsOf.discord,
  };
  return Object.fromEntries(Object.entries(endpoints).filter(([name]) => name in declared));
}
