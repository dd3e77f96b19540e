import { AUDIT_DAYS, audit } from '../../../lib/reconcile/audit';
import { reconcilerDeps } from '../world/engine';
import { serviceQueue } from '../world/names';
import type { World } from '../world/types';
import type { Promised } from './promise';

const DAY_MS = 86_400_000;

/** Once the run is at rest, `sls reconcile` must find nothing. The other promises check the same independently. */
export const auditAgrees: Promised = async (world) => {
  const { kernel, plan, watch } = world;
  const from = Math.max(plan.start, kernel.now() - AUDIT_DAYS * DAY_MS);
  const to = Math.max(plan.start, ...watch.rows().map(({ time }) => time)) + 1;
  if (to <= from) return undefined;
  const { differences } = await audit(undisturbed(world), { queue: serviceQueue(world), from, to });
  // After a pass that died, the entries that it saw stay hidden for a while.
  const [found] = differences.filter(({ kind }) => kind !== 'entry-hidden');
  return found && `nothing lost: an audit finds ${found.kind} of ${found.id}`;
};

/** The dependencies of a process without faults. */
function undisturbed(world: World) {
  const { kernel, chance, stores } = world;
  const ignore = () => {};
  return reconcilerDeps(world, {
    ...stores,
    clock: { now: kernel.now, sleep: () => Promise.resolve() },
    random: { uuid: () => chance.uuid(), fraction: () => chance.fraction() },
    log: { info: ignore, warn: ignore, error: ignore },
    metrics: { add: ignore, flush: async () => {} },
  });
}
