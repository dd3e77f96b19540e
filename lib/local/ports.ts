import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, paginateScan } from '@aws-sdk/lib-dynamodb';
import { clientDefaults } from '../aws/clients';
import { realObjects } from '../aws/objects';
import { realQueues } from '../aws/queues';
import { realTable } from '../aws/table';
import type { JobRow } from '../jobs/row';
import { rowOf } from '../jobs/stored-row';
import type { BatchQueues, Item, Objects, Queues, Table } from '../ports';
import { LOCAL_CREDENTIALS } from './emulators/emulator';
import type { Endpoints } from './endpoints';

export interface LocalPorts {
  queues: Queues & BatchQueues;
  table: Table;
  objects: Objects;
  /** The rows of all jobs except canaries. It scans the table, so use it only with few rows. */
  rows(): Promise<JobRow[]>;
  close(): void;
}

/** The real adapters over the emulators. They do not read or change this process's environment. */
export function localPorts({
  endpoints,
  region,
  table,
  bucket,
}: {
  endpoints: Endpoints;
  region: string;
  table: string;
  bucket: string;
}): LocalPorts {
  const common = { ...clientDefaults, region, credentials: LOCAL_CREDENTIALS };
  const sqs = new SQSClient({ ...common, endpoint: endpoints.sqs, useQueueUrlAsEndpoint: false });
  const dynamodb = new DynamoDBClient({ ...common, endpoint: endpoints.dynamodb });
  const s3 = new S3Client({ ...common, endpoint: endpoints.s3 });
  return {
    queues: realQueues(sqs),
    table: realTable({ table, client: dynamodb }),
    objects: realObjects({ bucket, client: s3 }),
    async rows() {
      const rows: JobRow[] = [];
      const pages = paginateScan({ client: DynamoDBDocumentClient.from(dynamodb) }, { TableName: table });
      for await (const { Items = [] } of pages)
        for (const item of Items)
          if ('state' in item && 'payloadHash' in item && !item.canary) rows.push(rowOf(item as Item));
      return rows.sort((a, b) => a.createdAt - b.createdAt);
    },
    close() {
      for (const client of [sqs, dynamodb, s3]) client.destroy();
    },
  };
}
