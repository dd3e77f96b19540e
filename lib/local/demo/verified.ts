import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { clientDefaults } from '../../aws/clients';
import { verifySource } from '../../ops/verify-source';
import { verify } from '../../verify/verify';
import { REGION } from '../cloud';
import { LOCAL_CREDENTIALS } from '../emulators/emulator';
import type { Service } from '../service';

const HOUR_MS = 3_600_000;

/** What `sls verify` finds in all that a service on this machine has stored in the last hours. */
export async function verified({ config, endpoints, zendesk }: Service): Promise<string[]> {
  const client = { ...clientDefaults, region: REGION, credentials: LOCAL_CREDENTIALS };
  const clients = {
    dynamodb: new DynamoDBClient({ ...client, endpoint: endpoints.dynamodb }),
    s3: new S3Client({ ...client, endpoint: endpoints.s3 }),
    sqs: new SQSClient({ ...client, endpoint: endpoints.sqs, useQueueUrlAsEndpoint: false }),
  };
  const authorization = `Basic ${Buffer.from('agent@example.com/token:local-zendesk-token').toString('base64')}`;
  const source = verifySource(config, { ...clients, zendesk: { endpoint: zendesk.url, authorization } });
  const now = Date.now();
  try {
    const found = await verify(source, { from: now - 2 * HOUR_MS, to: now });
    return found.map(({ kind, id, what }) => `${kind} of ${id}: ${what}`);
  } finally {
    for (const one of Object.values(clients)) one.destroy();
  }
}
