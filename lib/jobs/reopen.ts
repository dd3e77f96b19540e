import { isCancelledByOperator } from './arrows';
import { keepBody } from './body';
import type { FinishDeps } from './finish';
import type { JobRow } from './row';

/**
 * Keeps the body of a job that an operator cancelled, so that the job can be retried after its message is acknowledged.
 * Returns `false` if the job was opened again in between. The job then waits for this message.
 */
export async function keepCancelled(
  { ledger, objects, prefix }: Pick<FinishDeps, 'ledger' | 'objects' | 'prefix'>,
  row: JobRow,
  body: string,
): Promise<boolean> {
  if (!isCancelledByOperator(row) || row.bodyKept) return true;
  await keepBody({ objects, prefix }, row, body);
  const { item: stored } = await ledger.update(row.key, (now) =>
    isCancelledByOperator(now) && !now.bodyKept ? { ...now, bodyKept: true } : undefined,
  );
  return stored === undefined || isCancelledByOperator(stored);
}
