import type { World } from './types';

/** Today's waits between attempts in seconds, which apply unless the plan changes them. */
const WAITS: readonly number[] = [60, 900];
/** For this time after a deployment, Lambda has environments of both versions. */
export const ROLLING_MS = 600_000;

/** Whether a process that starts now runs the code that was deployed `at` ms after the start. */
export function isDeployed({ plan, kernel, chance }: World, at: number): boolean {
  const age = kernel.now() - plan.start - at;
  return age >= ROLLING_MS || (age >= 0 && chance.fraction() < 0.5);
}

/** The waits between attempts of a process that starts now. */
export function waitsOf(world: World): readonly number[] {
  const { waits } = world.plan;
  if (!waits) return WAITS;
  return isDeployed(world, waits.at) ? waits.to : waits.from;
}

/** The least number of failed attempts after which a worker may park a job. */
export function fewestAttempts({ plan: { waits, versions } }: Pick<World, 'plan'>): number {
  const known = [...(waits ? [waits.from, waits.to] : [WAITS]), ...(versions ? [WAITS] : [])];
  return 1 + Math.min(...known.map(({ length }) => length));
}
