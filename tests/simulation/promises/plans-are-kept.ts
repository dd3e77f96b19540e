import { skewOf } from '../draw/plan';
import type { World } from '../world/types';

/** The reconciler comes each minute. A killed run holds its lease for another minute. Its next run may begin late. */
const START_WITHIN_MS = 4 * 60_000;

/**
 * Checks that no planned job starts before its time, and that it leaves for its queue soon after. After a fault the
 * second part is left to liveness.ts. An operator's retry starts a cancelled job at once.
 */
export function watchPlans({ onRow, watch, kernel, plan, damaged, lastTrouble }: World): void {
  onRow.push(({ id, notBefore, firstStartedAt, generation, state }, last) => {
    if (!last || notBefore === undefined || generation > 1 || damaged.has(id)) return;
    const early = notBefore - skewOf(plan) - kernel.now();
    if (firstStartedAt !== undefined && last.firstStartedAt === undefined && early > 0)
      watch.violated(`planned jobs are kept: ${id} starts ${early} ms before its time`);
    const late = kernel.now() - notBefore - skewOf(plan) - (plan.indexLag ?? 0);
    const waited = last.state === 'held' && last.firstStartedAt === undefined;
    const leaves = waited && (state === 'queued' || state === 'processing');
    if (leaves && late > START_WITHIN_MS && lastTrouble() <= notBefore)
      watch.violated(`planned jobs are kept: ${id} leaves for its queue ${late} ms after its time`);
  });
}
