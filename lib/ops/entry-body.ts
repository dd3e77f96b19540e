import { isBodyOf } from '../jobs/body';
import { ATTRIBUTE } from '../jobs/park';
import type { JobRow } from '../jobs/row';
import { hiddenUntil } from '../reconcile/pass';
import { walkDeadLetters } from '../reconcile/walk';
import { timeText } from '../text';
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
  const until = await hiddenUntil(deps, row.queue);
  const when = until === undefined ? 'in a few minutes' : `after ${timeText(until)} (UTC)`;
  throw new OperatorError(
    `${row.id}: its body is gone from the bucket, and its DLQ entry is hidden or too far back: try again ${when}.`,
  );
}
