import { bodyKey, recordKey } from '../jobs/keys';
import { recordOf } from '../jobs/record';
import type { JobRow } from '../jobs/row';

/** A job as in its record, with the keys of its record and its kept body. */
export function jobView(row: JobRow, prefix: string): Record<string, unknown> {
  const { record: _record, ...shown } = JSON.parse(recordOf(row)) as Record<string, unknown>;
  return {
    ...shown,
    ...(row.recordedAt === undefined ? {} : { recordKey: recordKey(prefix, row) }),
    ...(row.bodyKept ? { bodyKey: bodyKey(prefix, row.queue, row.id) } : {}),
  };
}

/** When the job continues automatically. `undefined`: it waits for something other than a time. */
export const nextAt = ({ reason, retryAt }: JobRow): number | undefined =>
  reason === 'stopped' || reason === 'unknown' ? undefined : retryAt;
