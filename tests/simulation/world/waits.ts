import type { World } from './world';

/** The waits between attempts of the code as it is where the plan changes nothing, in seconds. */
const WAITS: readonly number[] = [60, 900];
/** For so long after a deployment, environments of both versions are there. */
export const ROLLING_MS = 600_000;

/** Whether a process that starts now has the code that is deployed so long after the start. */
export function isDeployed({ plan, kernel, chance }: World, at: number): boolean {
  const age = kernel.now() - plan.start - at;
  return age >= ROLLING_MS || (age >= 0 && chance.fraction() < 0.5);
}

/** The waits between attempts as a process has them that starts now. */
export function waitsOf(world: World): readonly number[] {
  const { waits } = world.plan;
  if (!waits) return WAITS;
  return isDeployed(world, waits.at) ? waits.to : waits.from;
}

/** A job that has failed less often is not parked for that. */
export function fewestAttempts({ plan: { waits, versions } }: Pick<World, 'plan'>): number {
  const known = [...(waits ? [waits.from, waits.to] : [WAITS]), ...(versions ? [WAITS] : [])];
  return 1 + Math.min(...known.map(({ length }) => length));
}
