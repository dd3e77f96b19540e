import { isPublished } from '../../../lib/jobs/keys';
import { completionOf } from '../../../lib/jobs/record';
import { isEnd } from '../../../lib/jobs/row';
import type { Promised } from './promise';

export const endsArePublished: Promised = ({ watch, plan, stores }) => {
  if (!plan.events) return undefined;
  for (const row of watch.rows()) {
    if (!isEnd(row.state) || !isPublished(row.queue)) continue;
    // The kept body is deleted weeks after the event. Until then an operator could retry the job, so its end was not
    // final.
    const completion = completionOf({ ...row, bodyKept: row.bodyKept !== undefined });
    const found = stores.events.published.get(`${row.queue}#${completion.id}`);
    // The event of a job that was never sent waits until its message can no longer come.
    if (!found && row.reason === 'never-sent' && row.publishFrom !== undefined) continue;
    if (!found) return `nothing lost: the end ${completion.id} is not published`;
    // An erasure drops the kept body, before the event or after it.
    const expected = row.erased ? { ...completion, final: found.final } : completion;
    if (JSON.stringify(found) !== JSON.stringify(expected))
      return `everything explained: the event ${completion.id} differs from the row`;
  }
  return undefined;
};
