import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { clientDefaults } from '../../lib/aws/clients';
import { realObjects } from '../../lib/aws/objects';
import { realQueues, sqsClient } from '../../lib/aws/queues';
import { realTable } from '../../lib/aws/table';
import type { AwsEndpoints } from './connection';
import { LOCAL_CREDENTIALS } from './loopback';

interface At {
  endpoints: Pick<AwsEndpoints, 'sqs' | 's3' | 'dynamodb'>;
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

export type LocalPorts = ReturnType<typeof localPorts>;

export function localPorts({ table, bucket, ...at }: At & { table: string; bucket: string }) {
  const { sqs, dynamodb, s3 } = localClients(at);
  return {
    queues: realQueues(sqs),
    table: realTable({ table, client: dynamodb }),
    objects: realObjects({ bucket, client: s3 }),
    close(): void {
      for (const client of [sqs, dynamodb, s3]) client.destroy();
    },
  };
}
