import * as z from 'zod';
import { fakePrivateKey } from './fakes/app-store-connect';
import { eventKeys } from './fakes/sendgrid-events';
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

/** The variables that lead a process to the emulators instead of AWS. */
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
