import type { JobRow } from '../../../lib/jobs/row';
import type { Item, Table } from '../../../lib/ports';
import type { Context, Mutant, Ports } from '../world/types';

export type StoredRow = Item &
  Pick<JobRow, 'queue' | 'id' | 'type' | 'time' | 'state' | 'lease' | 'recordedAt' | 'steps'>;

export const isJob = (item: Item | undefined): item is StoredRow => item !== undefined && 'payloadHash' in item;

export const withTable = (change: (table: Table, context: Context & { ports: Ports }) => Partial<Table>): Mutant => ({
  ports: (ports, context) => ({ ...ports, table: { ...ports.table, ...change(ports.table, { ...context, ports }) } }),
});
