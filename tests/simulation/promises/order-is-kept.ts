import { ATTRIBUTE } from '../../../lib/engine/jobs/messages';
import type { JobRow } from '../../../lib/engine/jobs/row';
import { groupBy } from '../../../lib/platform/group-by';
import { ofKind } from '../../support/history';
import { skewOf } from '../draw/plan';
import { isProduced } from '../world/callers';
import { mainQueue, serviceQueue } from '../world/names';
import type { World } from '../world/types';
import { isPlain } from './no-bystanders';
import type { Promised } from './rest';

/** The jobs of a group that were never held take effect in the order in which SQS accepted them. */
export const orderIsKept: Promised = (world, inputs) => {
  const { watch, settings, queue, plan, damaged } = world;
  if (settings.type !== 'fifo' || queue.isDoneWithout) return undefined;
  const numberOf = ({ id }: JobRow): string => watch.firsts.get(id)?.sequence ?? '';
  const straight = inputs
    .filter(({ spec }) => isProduced(spec.kind))
    .flatMap(({ id }) => watch.row(`${serviceQueue({ queue })}#${id}`) ?? [])
    // The row of an erased job has no group.
    .filter((row) => row.state === 'succeeded' && row.generation === 1 && row.erased === undefined)
    // A removal of a tester who is not there has no effect.
    .filter(({ id }) => watch.effects.has(id))
    // The message of a row that does not parse waits outside the queue, and others of its group go on.
    .filter(({ id }) => !damaged.has(id))
    .filter((row) => row.holds === 0 && row.spentMessageIds.length === 0)
    // Another message may have been sent first under the id, and was never this job's.
    .filter(({ id, deliveries }) => deliveries.some(({ messageId }) => messageId === watch.firsts.get(id)?.messageId))
    .filter(({ id, deliveries, history }) => {
      const released = history.filter(ofKind('released'));
      const own = [watch.firsts.get(id), ...released].map((message) => message?.messageId);
      return deliveries.every(({ messageId }) => own.includes(messageId));
    })
    .filter(({ history }) => !history.some(ofKind('returned', 'reopened')))
    // If a message expires while a worker handles it, SQS delivers the next one of its group. The two times come from
    // clocks that differ.
    .filter(({ endedAt = 0, time }) => endedAt < time + settings.retention * 1000 - 2 * skewOf(plan))
    .sort((a, b) => numberOf(a).localeCompare(numberOf(b)));
  for (const group of groupBy(straight, ({ group }) => group).values())
    for (const [index, row] of group.entries()) {
      const before = group[index - 1];
      if (before && (watch.effects.get(before.id) ?? 0) > (watch.effects.get(row.id) ?? 0))
        return `order kept: ${row.id} took effect before ${before.id}, which was sent before it`;
    }
  return undefined;
};

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
