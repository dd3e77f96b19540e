import { ofKind, sinceOpened } from '../../../lib/jobs/history';
import type { JobRow } from '../../../lib/jobs/row';
import type { JobKind, Plan } from '../draw/plan';
import type { Fault } from '../world/faults';
import { KILLERS } from '../world/killers';
import { serviceQueue } from '../world/names';
import { fewestAttempts } from '../world/waits';
import type { World } from '../world/world';
import { type Promised, rowOf } from './promise';
import { isGhost } from './rest';

const REFUSED: readonly JobKind[] = [
  ...(['refused', 'unverified', 'not-json', 'no-envelope', 'bad-data', 'unknown-version', 'stolen-id'] as const),
];
export const cannotSucceed = (kind: JobKind): boolean => [...REFUSED, ...KILLERS].includes(kind);

export const endsAreDeserved: Promised = (world, inputs) => {
  const { watch, queue } = world;
  for (const input of inputs) {
    const { id, spec } = input;
    if (spec.kind === 'copy') continue;
    const row = rowOf(watch, serviceQueue(world), input);
    if (row?.state === 'succeeded') {
      if (cannotSucceed(spec.kind)) return `${id} (${spec.kind}) cannot have succeeded`;
      // Somebody who has looked says that it did not take place, and has the job go on without.
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

/** Why a death cannot be this job's own doing, or that of faults that struck this very job. */
export function undeservedDeath(world: World, row: JobRow, kind: JobKind): string | undefined {
  const { plan } = world;
  switch (row.reason) {
    case 'crash': {
      if (kind === 'kills-before') return undefined;
      const silent = sinceOpened(row.history).filter(ofKind('crashed')).length;
      if (unheard(world) < 2) return 'nothing has kept it from being heard of twice';
      // The last run is only noted when something comes after it.
      return silent + (row.lease ? 1 : 0) >= 2 || silentAtEnd(row) ? undefined : 'it was never tried twice';
    }
    case 'expired':
      if (plan.unpolled || plan.retention || plan.dlqRetention || isGhost(world, row)) return undefined;
      return 'it had time enough';
    default: {
      const unreasonable = today(world, row);
      if (unreasonable) return unreasonable;
      if (REFUSED.includes(kind) || kind === 'fails' || kind === 'forbidden' || kind === 'kills-before')
        return undefined;
      if (row.error?.class === 'permanent' && row.error.status === 403)
        return has(plan, 'forbidden') ? undefined : 'nobody forbade it';
      if (row.error?.code === 'UnknownVersion') return kind === 'newer' ? undefined : 'its version is known';
      return row.attempts >= fewestAttempts(world) ? undefined : `it had ${row.attempts} attempts`;
    }
  }
}

/** Why today's code may not end a job as failed: its step may have taken effect, or its last run did not fail. */
function today(world: World, row: JobRow): string | undefined {
  const { queue, watch } = world;
  if (watch.isReleasedEnd(row)) return undefined;
  const { id, steps, evidence = {}, error, history } = row;
  if (error?.code === 'StepUnknown') return 'its step may have taken effect';
  if (history.findLast(ofKind('dead'))?.attempt === undefined) return 'it was parked without the run that failed';
  const proven = Object.keys(evidence).find((step) => !['done', 'skipped'].includes(steps[step]?.status ?? ''));
  if (proven) return `there is a sign that ${proven} took effect`;
  // A vendor may refuse for good to say what it did, or not answer when it is asked once more.
  if (error?.class === 'permanent' || row.attempts > fewestAttempts(world)) return undefined;
  const begun = Object.entries(queue.provenBy ?? {}).filter(([step]) => steps[step]?.status === 'started');
  const happened = begun.find(([, effect]) => watch.happened(effect, id));
  return happened && `${happened[0]} took effect`;
}

/** How often a run could end without being heard of: its process died, or the table did not take its word. */
const unheard = ({ reached }: World): number =>
  [...reached].reduce((sum, [what, count]) => sum + (/^(death$|fault .* at table\.)/.test(what) ? count : 0), 0);

const silentAtEnd = (row: JobRow): boolean => row.silent >= 2 || row.history.filter(ofKind('started')).length >= 2;

const has = (plan: Plan, fault: Fault): boolean =>
  plan.calls.some((call) => call.fault === fault) || plan.outages.some((outage) => outage.fault === fault);
