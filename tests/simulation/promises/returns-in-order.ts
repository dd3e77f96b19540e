import { ATTRIBUTE } from '../../../lib/jobs/park';
import { mainQueue } from '../world/names';
import type { World } from '../world/types';

/** Within one run, the reconciler returns the untried messages of a group in the order in which SQS accepted them. */
export function watchReturns(world: World): void {
  const { onSent, watch, settings, reached } = world;
  const last = new Map<string, number>();
  onSent.push((by, queue, { body, groupId, attributes = {} }) => {
    if (queue !== mainQueue(world) || settings.type !== 'fifo' || attributes[ATTRIBUTE.returned] !== '1') return;
    const id = /"id":"([^"]+)"/.exec(body)?.[1] ?? '';
    const place = watch.firsts.get(id)?.sequence;
    const run = `${by.name} ${groupId}`;
    // A send that failed, or that lands late, is repeated or overtaken.
    if (place === undefined || [...reached.keys()].some((what) => what.endsWith(' at queues.send'))) return;
    if ((last.get(run) ?? -1) > place)
      watch.violated(`order kept: ${id} was returned after a message that came behind it`);
    last.set(run, place);
  });
}
