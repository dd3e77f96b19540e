import { isPublished } from '../../../lib/jobs/keys';
import { completionOf } from '../../../lib/jobs/record';
import { isEnd } from '../../../lib/jobs/row';
import type { Promised } from './promise';

export const endsArePublished: Promised = ({ watch, plan, stores }) => {
  if (!plan.events) return undefined;
  for (const row of watch.rows()) {
    if (!isEnd(row.state) || !isPublished(row.queue)) continue;
    const completion = completionOf(row);
    const found = stores.events.published.get(`${row.queue}#${completion.id}`);
    if (!found) return `nothing lost: the end ${completion.id} is not published`;
    if (JSON.stringify(found) !== JSON.stringify(completion))
      return `everything explained: the event ${completion.id} differs from the row`;
  }
  return undefined;
};
