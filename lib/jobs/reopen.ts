import type { FinishDeps } from './finish';
import { GONE } from './identify';
import { bodyKey } from './keys';
import type { JobRow } from './row';

const isCancelled = ({ state, reason }: JobRow): boolean => state === 'cancelled' && reason === 'operator';

/**
 * Keeps the body of a job that an operator cancelled, so that the job can be retried after its message is acknowledged.
 * Answers `false` if the job was opened again in between. The job then waits for this message.
 */
export async function keepCancelled(
  { ledger, objects, prefix }: Pick<FinishDeps, 'ledger' | 'objects' | 'prefix'>,
  row: JobRow,
  body: string,
): Promise<boolean> {
  if (!isCancelled(row) || row.bodyKept) return true;
  // A lost body must not replace what is left of it.
  if (body !== GONE) await objects.put(bodyKey(prefix, row.queue, row.id), body, 'application/json');
  const { item: stored } = await ledger.update(row.key, (now) =>
    isCancelled(now) && !now.bodyKept ? { ...now, bodyKept: true } : undefined,
  );
  return stored === undefined || isCancelled(stored);
}
