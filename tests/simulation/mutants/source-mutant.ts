import type { SourceChange } from '../draw/bundle';
import type { Plan } from '../draw/plan';

/** A fault in the source, and the smallest run that finds it. */
export interface SourceMutant {
  changes: readonly SourceChange[];
  breaks: RegExp;
  /** The plan is `aPlan` with these changes. Or a scale plan has this name and this many items. */
  by: { plan: Partial<Plan> } | { scale: string; size?: number };
}
