import { DynamoDBDocumentClient, paginateScan } from '@aws-sdk/lib-dynamodb';
import { realObjects } from '../aws/objects';
import { realQueues } from '../aws/queues';
import { realTable } from '../aws/table';
import type { JobRow } from '../jobs/row';
import { rowOf } from '../jobs/stored-row';
import type { BatchQueues, Item, Objects, Queues, Table } from '../ports';
import { localClients } from './clients';
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
  const { sqs, dynamodb, s3 } = localClients({ endpoints, region });
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
