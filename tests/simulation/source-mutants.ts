import type { SourceChange } from './bundle';
import { CAMPAIGN_MUTANTS } from './mutants-of/campaigns';
import { CIRCUIT_MUTANTS } from './mutants-of/circuit';
import { DEAD_LETTER_MUTANTS } from './mutants-of/dead-letters';
import { ENGINE_MUTANTS } from './mutants-of/engine';
import { INDEX_KEY_MUTANTS } from './mutants-of/index-keys';
import { ORDER_MUTANTS } from './mutants-of/order';
import { RECOVERY_MUTANTS } from './mutants-of/recovery';
import { VERSION_MUTANTS } from './mutants-of/versions';
import type { Plan } from './plan';

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
