import { GONE } from '../jobs/finish';
import { ATTRIBUTE } from '../jobs/park';
import type { JobRow } from '../jobs/row';
import { walkDeadLetters } from '../reconcile/walk';
import type { OperatorDeps } from './operator';

/** The body that a job's entry in the DLQ carries, for one whose kept body was removed from the bucket. */
export async function entryBody(deps: OperatorDeps, row: JobRow): Promise<string | undefined> {
  if (row.parkedAt === undefined || row.leftDlqAt !== undefined) return undefined;
  let found: string | undefined;
  await walkDeadLetters(deps, deps.dlqUrl(row.queue), ({ body, attributes }) => {
    const carriesIt = attributes[ATTRIBUTE.job] === row.id && attributes[ATTRIBUTE.body] === undefined;
    if (carriesIt && body !== GONE) found = body;
    return found === undefined;
  });
  return found;
}
