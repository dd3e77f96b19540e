import type { JobRow } from '../../../lib/engine/jobs/row';
import { ofKind } from '../../support/history';
import type { Plan } from '../draw/plan';
import { AWS, type Fault } from '../world/faults';
import { serviceQueue } from '../world/names';
import { bringsPoison } from '../world/poison';
import type { Promised } from './rest';

/** SQS moves a message only if no worker could handle it. A failure that the engine sees must not move a message. */
export const noBystanders: Promised = (world) => {
  const moved = world.reached.get('moved by SQS') ?? 0;
  return moved > 0 && world.lanes.every(({ plan }) => failuresAlone(plan))
    ? 'no bystanders: with failures alone, SQS moved a message to the DLQ'
    : undefined;
};

const FAILURES: readonly Fault[] = [
  ...(['refused', 'failed', 'throttled', 'retry-after', 'forbidden', 'unauthorized', 'lost', 'gateway'] as const),
];
const VENDORS = /^(zendesk|sendgrid|apple)\b/;

function failuresAlone({ calls, outages, starts, broken, lostDeletes, jobs, changes, future }: Plan): boolean {
  // SQS keeps the message of a row that newer code wrote, until a worker can read the row.
  if (starts.length > 0 || broken || lostDeletes.length > 0 || changes || future) return false;
  if (jobs.some(({ kind }) => bringsPoison(kind))) return false;
  return (
    calls.every(({ kind, fault }) => VENDORS.test(kind ?? '') && FAILURES.includes(fault)) &&
    outages.every(({ target, fault }) => VENDORS.test(target) && FAILURES.includes(fault))
  );
}

/** Time for calls beside the jobs' own, and for clocks that differ. */
const SLACK_MS = 15_000;

/** If only jobs and vendors fail, a group without a failed job is done as soon as workers are free. */
export const groupsAreFair: Promised = (world) => {
  const { watch, queue, plan, lanes } = world;
  if (queue.isDoneWithout || queue.controlled || !lanes.every((lane) => isPlain(lane.plan))) return undefined;
  if (plan.starts.length > 0 || plan.unpolled || plan.broken) return undefined;
  const rows = watch.rows();
  const troubled = new Set(rows.filter(isTroubled).map(({ group }) => group));
  const rounds = 1 + Math.ceil(plan.jobs.length / plan.concurrency);
  const boundMs = rounds * queue.functionTimeoutMs + SLACK_MS;
  for (const { id, group, state, endedAt = 0, createdAt, firstStartedAt = 0 } of rows) {
    if (troubled.has(group) || state !== 'succeeded') continue;
    const waited = firstStartedAt - createdAt;
    if (Math.max(waited, endedAt - firstStartedAt) > boundMs)
      return `no bystanders: ${id} of ${serviceQueue(world)} took ${waited} ms to start beside groups with failed jobs`;
  }
  return undefined;
};

const isTroubled = ({ attempts, holds, generation, history, deliveries }: JobRow): boolean =>
  attempts > 1 ||
  holds > 0 ||
  generation > 1 ||
  new Set(deliveries.map(({ messageId }) => messageId)).size > 1 ||
  history.some(ofKind('retry', 'crashed', 'given', 'dead', 'cancelled'));

/** Whether only jobs, vendors and Lambda itself may fail in a run. */
export const isPlain = ({ calls, outages, redeliveries, lostDeletes, redrives, commands, damages, ...plan }: Plan) =>
  [redeliveries, lostDeletes, redrives, commands, damages, plan.limits].every(({ length }) => length === 0) &&
  !(plan.latency || plan.approximate || plan.changes || plan.skew || plan.future) &&
  plan.retention === undefined &&
  plan.dlqRetention === undefined &&
  plan.emptied === undefined &&
  !plan.jobs.some(({ kind, again, planned }) => bringsPoison(kind) || (again ?? planned)) &&
  calls.every(({ kind = '' }) => kind !== '' && !AWS.some((target) => kind.startsWith(`${target}.`))) &&
  outages.every(({ target }) => !AWS.includes(target));
