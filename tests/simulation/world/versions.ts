import type { Plan } from '../draw/plan';
import type { World } from './world';

/** The share of new processes that are started from the released code, until so many ms after the start of the run. */
export interface Versions {
  until: number;
  released: number;
}

/** Whether a process that starts now is one of the released code. After the last phase there is none. */
export function startsReleased({ plan, kernel, chance }: Pick<World, 'plan' | 'kernel' | 'chance'>): boolean {
  const elapsed = kernel.now() - plan.start;
  const phase = plan.versions?.find(({ until }) => elapsed < until);
  return phase !== undefined && chance.fraction() < phase.released;
}

/** When the last process of the released code may start, ms after the start of the run. */
export const releasedUntil = ({ versions = [] }: Plan): number => versions.at(-1)?.until ?? 0;
