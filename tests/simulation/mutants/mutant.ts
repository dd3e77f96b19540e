import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { JobError } from '../../../lib/errors';
import type { JobRow } from '../../../lib/jobs/row';
import type { Item, Table } from '../../../lib/ports';
import type { BulkMail } from '../../../lib/vendors/sendgrid-bulk';
import type { Ports } from '../world/ports';
import type { World } from '../world/world';

/** Only a worker has an `event`. */
interface Context {
  world: World;
  event: SQSEvent | undefined;
}

/** A fault of the code, simulated at its ports. */
export interface Mutant {
  ports?: (ports: Ports, context: Context) => Ports;
  handler?: (handle: (event: SQSEvent) => Promise<SQSBatchResponse>, event: SQSEvent) => Promise<SQSBatchResponse>;
  answer?: (answer: SQSBatchResponse, event: SQSEvent, world: World) => SQSBatchResponse;
  sendgrid?: (error: JobError) => JobError;
  /** Changes the request of a chunk to SendGrid. */
  mail?: (mail: BulkMail) => BulkMail;
}

export type StoredRow = Item &
  Pick<JobRow, 'queue' | 'id' | 'type' | 'time' | 'state' | 'lease' | 'recordedAt' | 'steps'>;

export const isJob = (item: Item | undefined): item is StoredRow => item !== undefined && 'payloadHash' in item;

export const withTable = (change: (table: Table, context: Context & { ports: Ports }) => Partial<Table>): Mutant => ({
  ports: (ports, context) => ({ ...ports, table: { ...ports.table, ...change(ports.table, { ...context, ports }) } }),
});
