import { isBodyOf } from '../jobs/body';
import { ATTRIBUTE } from '../jobs/park';
import type { JobRow } from '../jobs/row';
import { walkDeadLetters } from '../reconcile/walk';
import { type OperatorDeps, OperatorError } from './operator';

/**
 * The body that a job's entry in the DLQ carries, for one whose kept body was removed from the bucket. Rejects with an
 * OperatorError where the entry may be there and cannot be seen.
 */
export async function entryBody(deps: OperatorDeps, row: JobRow): Promise<string | undefined> {
  if (row.parkedAt === undefined || row.leftDlqAt !== undefined) return undefined;
  let found: string | undefined;
  const url = deps.dlqUrl(row.queue);
  const { inFlight } = await deps.queues.depth(url);
  const whole = await walkDeadLetters(deps, url, ({ body, attributes }) => {
    const carriesIt = attributes[ATTRIBUTE.job] === row.id && attributes[ATTRIBUTE.body] === undefined;
    if (carriesIt && isBodyOf(body, row)) found = body;
    return found === undefined;
  });
  if (found !== undefined || (whole && inFlight === 0)) return found;
  throw new OperatorError(
    `${row.id}: its body is gone from the bucket, and its DLQ entry is hidden or too far back. Try again in a few minutes, or within 11 hours if the DLQ is very large.`,
  );
}
