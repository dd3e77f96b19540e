import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { clientDefaults } from '../aws/clients';
import { sqsClient } from '../aws/queues';
import { LOCAL_CREDENTIALS } from './emulators/emulator';
import type { Endpoints } from './endpoints';

/** The options of a client of the emulators, without its endpoint. */
export const localConfig = (region: string) => ({ ...clientDefaults, region, credentials: LOCAL_CREDENTIALS });

/** Clients of the emulators. They do not read or change this process's environment. */
export function localClients({ endpoints, region }: { endpoints: Endpoints; region: string }) {
  const config = localConfig(region);
  return {
    dynamodb: new DynamoDBClient({ ...config, endpoint: endpoints.dynamodb }),
    s3: new S3Client({ ...config, endpoint: endpoints.s3 }),
    sqs: sqsClient({ ...config, endpoint: endpoints.sqs }),
  };
}
