import { isDeepStrictEqual } from 'node:util';
import { bodyKey, invalidId, jobKey, recordKey } from '../../../lib/engine/jobs/keys';
import { isEnd, type JobRow } from '../../../lib/engine/jobs/row';
import { jsonOf } from '../../../lib/platform/text';
import { MAIL_STEPS } from '../../../lib/queues/queues';
import { type Input, isProduced } from '../world/callers';
import { isPaused } from '../world/campaigns';
import { waitsForRow } from '../world/damage';
import { entriesOf, serviceQueue } from '../world/names';
import type { World } from '../world/types';
import { isRecord } from '../world/watch';
import { isGhost, type Promised, rowOf } from './rest';
import { toldEnd } from './told-ends';

export const nothingLost: Promised = (world, inputs) => {
  const { watch, plan, queue } = world;
  for (const input of inputs) {
    const { id, spec, index } = input;
    const row = rowOf(watch, serviceQueue(world), input);
    if (!row && queue.isDoneWithout?.(world, id, spec, index)) continue;
    // If a message without a row expires unread, only SQS ever knew it.
    const known = isProduced(spec.kind) && !queue.isDoneWithout;
    if (!row && (plan.retention ?? plan.dlqRetention) !== undefined && !known) continue;
    if (!row && waitsBehindDamage(world, input)) continue;
    if (!row) return `nothing lost: ${id} (${spec.kind}) has no row`;
    // A message may be sent, not marked as sent, and expire unread. The row shows only the first.
    const isWanted = row.reason === 'operator' || row.reason === 'superseded' || row.erased;
    if (row.state === 'cancelled' && !isWanted && plan.retention === undefined)
      return `nothing lost: ${id} was accepted, but is cancelled`;
  }
  return undefined;
};

/**
 * Whether a message that gets an id of its own waits in the DLQ, because the row that its body names does not parse. A
 * move by SQS gives it another id. SQS deletes it at the end of the DLQ's retention.
 */
function waitsBehindDamage(world: World, { id, body }: Input): boolean {
  const { kernel, plan, settings } = world;
  const entries = entriesOf(world).filter((entry) => waitsForRow(world, entry));
  const hasExpired = kernel.now() > plan.start + settings.dlqRetention * 1000;
  const named = (jsonOf(body ?? '') as { id?: unknown } | undefined)?.id;
  return (
    entries.some(({ attributes: { messageId = '' }, body: own }) => id === invalidId(messageId) || own === body) ||
    (hasExpired && world.watch.broken.has(jobKey(serviceQueue(world), String(named))))
  );
}

/** No record is beside those of the rows, which `sls verify` compares with them (verifier-agrees.ts). */
export const recordsHaveRows: Promised = ({ watch, stores, lanes }) => {
  const broken = [...watch.broken].flatMap((key) => watch.row(key) ?? []);
  const rows = [...lanes.flatMap((lane) => lane.watch.rows()), ...broken];
  const keys = new Set(rows.map((row) => recordKey('jobs', row)));
  const other = stores.objects.keys().find((key) => isRecord(key) && !keys.has(key));
  return other && `nothing lost: ${other} is a record without a row`;
};

/** The message of a job whose row does not parse waits in the DLQ, and is never deleted there. */
export const damagedJobsWait: Promised = (world) => {
  const { watch, plan, kernel, settings, stores } = world;
  // SQS deletes an entry at the end of the DLQ's retention, whatever it is for.
  const isExpired = ({ updatedAt }: JobRow) => updatedAt + settings.dlqRetention * 1000 < kernel.now();
  const hasMessage = ({ state, sentAt }: JobRow) =>
    state === 'processing' || (state === 'queued' && sentAt !== undefined);
  if ((plan.retention ?? plan.dlqRetention) !== undefined || plan.future) return undefined;
  for (const key of watch.broken) {
    const row = watch.row(key);
    if (row?.queue !== serviceQueue(world) || !hasMessage(row) || isExpired(row) || isGhost(world, row)) continue;
    const waits = entriesOf(world).some(({ body, attributes: { job } }) => job === row.id || body.includes(row.id));
    // A chunk whose message was never sent has its body kept instead, and is sent once its row is restored.
    const isKept = row.parent !== undefined && stores.objects.keys().includes(bodyKey('jobs', row.queue, row.id));
    if (!waits && !isKept) return `nothing lost: ${row.id} does not parse, and its message is gone`;
  }
  return undefined;
};

export const endsArePublished: Promised = ({ watch, plan }) => {
  if (!plan.events) return undefined;
  for (const row of watch.rows()) {
    if (!isEnd(row.state) || row.queue === 'analytics') continue;
    const completion = toldEnd(row);
    const found = watch.published.get(`${row.queue}#${completion.id}`);
    // After a resend there is no second event, also if the job was erased while it waited for its mail.
    const wasTold = [...watch.published.keys()].some((key) => key.startsWith(`${row.queue}#${row.id}:`));
    if (!found && row.resends && wasTold) continue;
    if (!found) return `nothing lost: the end ${completion.id} is not published`;
    if (!row.resends && !isDeepStrictEqual(JSON.parse(JSON.stringify(found)), completion))
      return `everything explained: the event ${completion.id} differs from the row`;
  }
  return undefined;
};

/** A step does not stay unknown once the webhook has taken an event about its mail. */
export const evidenceCounts: Promised = (world) => {
  const queue = serviceQueue(world);
  const step = MAIL_STEPS[queue];
  if (step === undefined) return undefined;
  for (const { customArgs } of world.vendors.reported.keys()) {
    const row = customArgs.queue === queue ? world.watch.row(jobKey(queue, customArgs.job ?? '')) : undefined;
    if (!row || world.damaged.has(row.id) || row.steps[step]?.status !== 'unknown') continue;
    // The event is in its row, and its run comes when its campaign is resumed.
    if (!(isPaused(world, row) && row.evidence?.[step]))
      return `nothing lost: the event about the mail of ${row.id} left its step unknown`;
  }
  return undefined;
};
