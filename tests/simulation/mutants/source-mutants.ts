import type { SourceChange } from '../draw/bundle';
import type { Plan } from '../draw/plan';
import { CAMPAIGN_MUTANTS } from './source/campaigns';
import { CIRCUIT_MUTANTS } from './source/circuit';
import { DEAD_LETTER_MUTANTS } from './source/dead-letters';
import { ENGINE_MUTANTS } from './source/engine';
import { INDEX_KEY_MUTANTS } from './source/index-keys';
import { ORDER_MUTANTS } from './source/order';
import { RECOVERY_MUTANTS } from './source/recovery';
import { VERSION_MUTANTS } from './source/versions';

/** A way in which the code could be wrong, and the smallest run that finds it. */
export interface SourceMutant {
  changes: readonly SourceChange[];
  /** The promise that it breaks. */
  breaks: RegExp;
  /** A run of these changes to `aPlan`, or a scale plan of this name with so many items. */
  by: { plan: Partial<Plan> } | { scale: string; size?: number };
}

/**
 * Faults that the code once had, put back. `npm run simulate -- --mutant NAME` searches for one without knowing the run.
 */
export const SOURCE_MUTANTS: Record<string, SourceMutant> = {
  ...CAMPAIGN_MUTANTS,
  ...CIRCUIT_MUTANTS,
  ...DEAD_LETTER_MUTANTS,
  ...ENGINE_MUTANTS,
  ...INDEX_KEY_MUTANTS,
  ...ORDER_MUTANTS,
  ...VERSION_MUTANTS,
  ...RECOVERY_MUTANTS,
};
