import type { Plan } from '../draw/plan';
import type { World } from './types';

/** Whether a process that starts now runs the released code. After the last phase none does. */
export function startsReleased({ plan, kernel, chance }: Pick<World, 'plan' | 'kernel' | 'chance'>): boolean {
  const elapsed = kernel.now() - plan.start;
  const phase = plan.versions?.find(({ until }) => elapsed < until);
  return phase !== undefined && chance.fraction() < phase.released;
}

/** The time after which no process of the released code starts, in ms after the start. */
export const releasedUntil = ({ versions = [] }: Plan): number => versions.at(-1)?.until ?? 0;
