import { jobKey } from '../../../lib/engine/jobs/keys';
import { ATTRIBUTE } from '../../../lib/engine/jobs/messages';
import { skewOf } from '../draw/plan';
import { deadLetterQueue, mainQueue, messagesIn, serviceQueue } from '../world/names';
import { FORGED, MARKED, opensNothing } from '../world/strangers';
import type { World } from '../world/types';
import type { Promised } from './rest';

const LINE = 'a message that is not one of ours opened nothing';

const attributesOf = (world: World, messageId: string) =>
  world.lanes
    .flatMap((lane) => [mainQueue(lane), deadLetterQueue(lane)])
    .flatMap((name) => messagesIn(world, name))
    .find((one) => one.messageId === messageId)?.attributes;

/** The row is the permission: no message without the row's token begins a run, nor an earlier end's entry, nor a live run's copy. */
export function watchOpenings(world: World): void {
  const { onRow, watch, forged, kernel, plan } = world;
  onRow.push(({ id, lease }, before) => {
    if (!lease || lease.token === before?.lease?.token) return;
    if ((before?.lease?.until ?? 0) > kernel.now() + skewOf(plan))
      watch.violated(`nothing twice: ${id} was taken from a run whose lease had not ended`);
    for (const one of forged.values()) if (one.messageId === lease.messageId) one.opened = true;
    const attributes = attributesOf(world, lease.messageId);
    // A worker may begin with a message that its other run has just deleted.
    if (!attributes || !before) return;
    if (before.token !== undefined && attributes[ATTRIBUTE.token] !== before.token)
      watch.violated(`nothing twice: ${id} has a token, and a message without it opened ${id}`);
    if (before.state === 'dead' && attributes[ATTRIBUTE.parkedFrom] !== before.parkedFrom)
      watch.violated(`nothing twice: ${id} is dead, and a message that is not the entry of that end opened it`);
  });
}

/** Each refusal is counted and logged once, and no message of ours is refused. */
export function watchRefusals(world: World): void {
  const { watch, onLog, onMeasure, forged, reach } = world;
  const refusals = new Set<string>();
  let counted = 0;
  let logged = 0;
  onMeasure.push((name, value) => {
    if (name === 'IllegalTransitions') counted += value;
  });
  onLog.push((line, facts, process) => {
    const { queue, jobId, messageId } = (facts ?? {}) as Record<'queue' | 'jobId' | 'messageId', string>;
    // That sender's own message would come late too.
    if (line === 'late delivery' && watch.row(jobKey(queue, jobId))?.token === undefined)
      for (const one of forged.values()) if (one.messageId === messageId) one.late = true;
    // A placeholder woke that sender's body. The message with the body is refused or not, as any other.
    if (line === 'returned untried' && watch.row(jobKey(queue, jobId))?.token === undefined)
      for (const one of forged.values()) if (one.form === 'placeholder' && one.job === jobId) one.opened = true;
    if (line !== LINE) return;
    reach('refused message');
    logged += 1;
    if (counted !== logged)
      watch.violated(`everything explained: ${logged} messages opened nothing, and IllegalTransitions says ${counted}`);
    const attributes = attributesOf(world, messageId);
    const token = attributes?.[ATTRIBUTE.token];
    if (token !== undefined && watch.row(jobKey(queue, jobId))?.token === token)
      watch.violated(`nothing lost: ${messageId} is a message of ours, and was refused`);
    // What was parked behind a damaged row has only the attributes of that entry.
    const parkedFrom = attributes?.code && attributes[ATTRIBUTE.parkedFrom];
    const known =
      forged.get(attributes?.[MARKED] ?? '') ??
      [...forged.values()].find((one) => one.messageId === (parkedFrom ?? messageId));
    if (!known) return;
    known.refusals += 1;
    const refusal = `${messageId} by ${process}`;
    if (refusals.has(refusal)) watch.violated(`everything explained: ${refusal} was refused twice`);
    refusals.add(refusal);
  });
}

/**
 * What only names a job of ours is refused, unless it waits behind a row that does not parse or expires unread. It may
 * wake another sender's job whose body was just kept, and whose row does not say so: that row has no token. If such a
 * job has ended, it comes late.
 */
export const refusalsAreCounted: Promised = (world) => {
  const { forged, damaged, plan, watch } = world;
  if ((plan.retention ?? plan.dlqRetention) !== undefined) return undefined;
  for (const { queue, form, job, refusals, opened, late, messageId } of forged.values()) {
    if (queue !== serviceQueue(world) || !opensNothing(form) || damaged.has(job)) continue;
    const token = watch.row(jobKey(queue, job))?.token;
    // Late, and then the row got a token: its body was kept before.
    if (token === FORGED || (late && token !== undefined)) continue;
    if (refusals === 0 && !opened) return `everything explained: ${messageId}, a ${form} of ${job}, was never refused`;
  }
  return undefined;
};
