import type { QueueSettings } from '../../../lib/platform/config/functions';
import type { Process } from './calls';
import type { World } from './types';

/** Today's waits between attempts in seconds, which apply unless the plan changes them. */
const WAITS: readonly number[] = [60, 900];
/** For this time after a deployment, Lambda has environments of both versions. */
export const ROLLING_MS = 600_000;

/** Whether a process that starts now runs the code that was deployed `at` ms after the start. */
export function isDeployed({ plan, kernel, chance }: Pick<World, 'plan' | 'kernel' | 'chance'>, at: number): boolean {
  const age = kernel.now() - plan.start - at;
  return age >= ROLLING_MS || (age >= 0 && chance.fraction() < 0.5);
}

export function waitsOf(world: World): readonly number[] {
  const { waits } = world.plan;
  if (!waits) return WAITS;
  return isDeployed(world, waits.at) ? waits.to : waits.from;
}

/** The least number of failed attempts after which a worker may park a job. */
export function fewestAttempts({ plan: { waits } }: Pick<World, 'plan'>): number {
  const known = waits ? [waits.from, waits.to] : [WAITS];
  return 1 + Math.min(...known.map(({ length }) => length));
}

/** The settings of a queue in a process. Without one: after all deployments. */
export function settingsOf({ plan: { changes }, settings }: World, process?: Process): QueueSettings {
  if (!changes) return settings;
  return { ...settings, receives: changes[(process?.changed ?? true) ? 'to' : 'from'].receives };
}

/** How many times the usual rate of mails a process may send. */
export const paceOf = ({ plan: { changes } }: World, { changed }: Process): number =>
  changes ? changes[changed ? 'to' : 'from'].pace : 1;

export function isReplaced({ plan, kernel }: Pick<World, 'plan' | 'kernel'>, since: number): boolean {
  const { deployAt, waits, changes, future, broken } = plan;
  const rolled = [deployAt, waits?.at, changes?.at].map((at) => (at ?? Number.NaN) + ROLLING_MS);
  const ends = [...rolled, future?.until, broken?.from];
  return ends.some((at = Number.NaN) => since < plan.start + at && plan.start + at <= kernel.now());
}
