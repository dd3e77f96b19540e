import type { SourceChange } from '../draw/bundle';
import type { Plan } from '../draw/plan';

/** A fault in the source, and the smallest run that finds it. */
export interface SourceMutant {
  changes: readonly SourceChange[];
  breaks: RegExp;
  /** The plan is `aPlan` with these changes. Or a scale plan has this name, and runs at its own size. */
  by: Partial<Plan> | string;
}

const changesOf = (file: string, wrong: Record<string, string>): SourceChange[] =>
  Object.entries(wrong).map(([find, replace]) => ({ file, find, replace }));

/** A mutant of one file. `wrong`: texts and their replacements. */
export const mutant = (
  by: SourceMutant['by'],
  breaks: RegExp,
  file: string,
  wrong: Record<string, string>,
): SourceMutant => ({ changes: changesOf(file, wrong), breaks, by });

/** The mutant, with changes of a second file. */
export const and = (one: SourceMutant, ...second: Parameters<typeof changesOf>): SourceMutant => ({
  ...one,
  changes: [...one.changes, ...changesOf(...second)],
});
