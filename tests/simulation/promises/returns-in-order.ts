import { ATTRIBUTE } from '../../../lib/jobs/messages';
import { mainQueue } from '../world/names';
import type { World } from '../world/types';
import { isPlain } from './groups-are-fair';

/**
 * Within one run, the reconciler returns the untried messages of a group in the order in which SQS accepted them. If a
 * message was delivered again or a call failed, SQS may have moved them in another order.
 */
export function watchReturns(world: World): void {
  const { onSent, watch, settings, plan } = world;
  if (!isPlain(plan)) return;
  const last = new Map<string, string>();
  onSent.push((by, queue, { body, groupId, attributes = {} }) => {
    if (queue !== mainQueue(world) || settings.type !== 'fifo' || attributes[ATTRIBUTE.returned] !== '1') return;
    const id = /"id":"([^"]+)"/.exec(body)?.[1] ?? '';
    const place = watch.firsts.get(id)?.sequence;
    const run = `${by.name} ${groupId}`;
    if (place === undefined) return;
    if ((last.get(run) ?? '') > place) watch.violated(`order kept: ${id} was returned after a message that came later`);
    last.set(run, place);
  });
}
