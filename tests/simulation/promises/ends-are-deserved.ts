import type { JobRow } from '../../../lib/engine/jobs/row';
import { LONGEST_RETRY_MS } from '../../../lib/engine/worker/circuit';
import { ofKind, sinceOpened } from '../../support/history';
import { type JobKind, type Plan, skewOf } from '../draw/plan';
import { fewestAttempts } from '../world/deployments';
import type { Fault } from '../world/faults';
import { serviceQueue } from '../world/names';
import { POISON } from '../world/poison';
import type { World } from '../world/types';
import { TARGETS } from './holds-are-deserved';
import { isGhost, type Promised, rowOf, timesReached } from './rest';

const REFUSED: readonly JobKind[] = [
  ...(['refused', 'unverified', 'not-json', 'no-envelope', 'bad-data', 'unknown-version', 'stolen-id'] as const),
];
export const cannotSucceed = (kind: JobKind): boolean => [...REFUSED, ...POISON].includes(kind);

export const endsAreDeserved: Promised = (world, inputs) => {
  const { watch, queue } = world;
  for (const input of inputs) {
    const { id, spec } = input;
    if (spec.kind === 'copy') continue;
    const row = rowOf(watch, serviceQueue(world), input);
    if (row?.state === 'succeeded') {
      // A mail to an erased person ends without a request.
      if (cannotSucceed(spec.kind) && !row.steps.suppressed) return `${id} (${spec.kind}) cannot succeed`;
      // An operator found that the step took no effect, and skipped it.
      if (Object.values(row.steps).some(({ reason }) => reason === 'operator')) continue;
      const wrong = queue.wrong(world, id, spec, input.index);
      if (wrong) return `nothing lost: ${id} succeeded, and ${wrong}`;
    } else if (row?.state === 'dead') {
      const undeserved = undeservedDeath(world, row, spec.kind);
      if (undeserved)
        return `no bystanders: ${id} (${spec.kind}) is dead (${row.reason}, ${row.error?.code}): ${undeserved}`;
    }
  }
  return undefined;
};

/** Why neither the job nor a fault that hit the job can have caused its death, or `undefined`. */
export function undeservedDeath(world: World, row: JobRow, kind: JobKind): string | undefined {
  const { plan } = world;
  if (row.error?.code === 'BodyMissing')
    return plan.emptied !== undefined || isHalfErased(world, row) ? undefined : 'its body was never deleted';
  switch (row.reason) {
    case 'crash': {
      if (kind === 'kills-before') return undefined;
      const crashes = sinceOpened(row.history).filter(ofKind('crashed')).length;
      if (timesReached(world, CRASHES) + unwitnessed(world) + takenTooEarly(world) < 2)
        return 'no faults could have crashed two of its runs';
      // A later event notes the last crashed run, so it may be missing in the history.
      return crashes + (row.lease ? 1 : 0) >= 2 || crashedAtEnd(row) ? undefined : 'no two of its runs crashed';
    }
    case 'expired':
      return isGhost(world, row) || mayHaveExpired(world, row) ? undefined : 'SQS had its message';
    default: {
      const unreasonable = unreasonableEnd(world, row);
      if (unreasonable) return unreasonable;
      if (REFUSED.includes(kind) || kind === 'forbidden' || kind === 'kills-before') return undefined;
      if (row.error?.class === 'permanent' && row.error.status === 403)
        return has(plan, 'forbidden') || has(plan, 'disallowed') ? undefined : 'no vendor forbade it';
      if (row.error?.code === 'VendorDown') return wasDownFor(world, row);
      if (row.error?.vendor && row.error.class !== 'permanent' && worksForNobody(world, row))
        return `${row.error.vendor} has worked for no job since its first failure`;
      return row.attempts >= fewestAttempts(world) ? undefined : `it had ${row.attempts} attempts`;
    }
  }
}

/** Whether an erasure may have deleted its body while nothing could read its row, which the operator is told. */
const isHalfErased = ({ damaged, reached }: World, { id }: JobRow): boolean =>
  damaged.has(id) && [...reached.keys()].some((what) => what.startsWith('erasure left rows'));

/** Whether SQS may have deleted the message that the job was last sent with. A job just released has no earlier one. */
export function mayHaveExpired(
  { settings, plan }: World,
  { sentAt, createdAt, endedAt = 0, history }: JobRow,
): boolean {
  const before = history.at(-2);
  const since = before?.event === 'released' ? before.at : 0;
  return endedAt - Math.max(since, sentAt ?? createdAt) >= settings.retention * 1000 - skewOf(plan);
}

/** Why the job's vendor has not failed for as long as the queue keeps a message, or `undefined`. */
function wasDownFor({ settings, plan }: World, row: JobRow): string | undefined {
  const { failingSince = Number.POSITIVE_INFINITY, endedAt = 0 } = row;
  const least = settings.retention * 1000 - LONGEST_RETRY_MS - skewOf(plan);
  return endedAt - failingSince >= least ? undefined : `its vendor has failed since ${failingSince} only`;
}

function worksForNobody({ workedAt, damaged, plan }: World, row: JobRow): boolean {
  const { id, error, failingSince = Number.POSITIVE_INFINITY } = row;
  const target = TARGETS[error?.vendor ?? ''];
  if (!target || damaged.has(id)) return false;
  return (workedAt.get(target) ?? 0) < failingSince - skewOf(plan);
}

/** Why the code may not end this job as failed: its step may have taken effect, or its last run did not fail. */
function unreasonableEnd(world: World, row: JobRow): string | undefined {
  const { queue, watch } = world;
  const { id, steps, evidence = {}, error, history } = row;
  if (error?.code === 'StepUnknown') return 'its step may have taken effect';
  if (history.findLast(ofKind('dead'))?.attempt === undefined) return 'it was parked without the run that failed';
  const proven = Object.keys(evidence).find((step) => !['done', 'skipped'].includes(steps[step]?.status ?? ''));
  if (proven) return `there is evidence that ${proven} took effect`;
  // A vendor may permanently refuse to answer what it did, or may not answer the last question.
  if (error?.class === 'permanent' || row.attempts > fewestAttempts(world)) return undefined;
  const begun = Object.entries(queue.provenBy ?? {}).filter(([step]) => steps[step]?.status === 'started');
  const happened = begun.find(([, effect]) => watch.happened(effect, id));
  return happened && `${happened[0]} took effect`;
}

/** A run crashed: its process died. */
const CRASHES = /^death$/;

/** How many runs could store no outcome in the table, and no witness in the bucket. */
const unwitnessed = (world: World): number =>
  Math.min(
    timesReached(world, /^(fault .* at table\.|damaged row$|run without outcome by newer code$)/),
    timesReached(world, /^fault .* at objects\.put$/),
  );

/**
 * How many runs of a job may have been taken for crashed. Lambda may start an event twice at once. For a worker whose
 * clock is a minute fast, the lease of the other run is over.
 */
const takenTooEarly = ({ plan }: World): number =>
  skewOf(plan) === 0 ? 0 : plan.starts.filter(({ fault }) => fault === 'twice').length;

const crashedAtEnd = (row: JobRow): boolean => row.crashes >= 2 || row.history.filter(ofKind('started')).length >= 2;

const has = (plan: Plan, fault: Fault): boolean =>
  plan.calls.some((call) => call.fault === fault) || plan.outages.some((outage) => outage.fault === fault);
