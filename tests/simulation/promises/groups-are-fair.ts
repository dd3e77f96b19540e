import { ofKind } from '../../../lib/jobs/history';
import type { JobRow } from '../../../lib/jobs/row';
import type { Plan } from '../draw/plan';
import { AWS } from '../world/faults';
import { serviceQueue } from '../world/names';
import { bringsPoison } from '../world/poison';
import type { Promised } from './promise';

/** Time for calls beside the jobs' own, and for clocks that differ. */
const SLACK_MS = 15_000;

/** If only jobs and vendors fail, a group without a failed job is done as soon as workers are free. */
export const groupsAreFair: Promised = (world) => {
  const { watch, queue, plan, lanes } = world;
  if (queue.isDoneWithout || queue.controlled || !lanes.every((lane) => isUndisturbed(lane.plan))) return undefined;
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
  history.some((entry) => ofKind('retry', 'crashed', 'givenBack', 'dead', 'cancelled')(entry));

const isUndisturbed = ({ calls, outages, starts, redeliveries, lostDeletes, redrives, commands, ...plan }: Plan) =>
  [starts, redeliveries, lostDeletes, redrives, commands].every(({ length }) => length === 0) &&
  !(plan.unpolled || plan.latency || plan.broken || plan.approximate || plan.changes || plan.versions || plan.skew) &&
  !(plan.damages.length > 0 || plan.future || plan.retention || plan.dlqRetention || plan.emptied !== undefined) &&
  !plan.jobs.some(({ kind, again }) => bringsPoison(kind) || kind === 'newer' || again !== undefined) &&
  calls.every(({ kind = '' }) => kind !== '' && !AWS.some((target) => kind.startsWith(`${target}.`))) &&
  outages.every(({ target }) => !AWS.includes(target));
