import type { SourceChange } from '../draw/bundle';
import type { Plan } from '../draw/plan';

/** A fault in the source, and the smallest run that finds it. */
export interface SourceMutant {
  changes: readonly SourceChange[];
  breaks: RegExp;
  /** The plan is `aPlan` with these changes. Or a scale plan has this name, and runs at its own size. */
  by: { plan: Partial<Plan> } | { scale: string };
}

const changesOf = (file: string, wrong: Record<string, string>): SourceChange[] =>
  Object.entries(wrong).map(([find, replace]) => ({ file, find, replace }));

/** A mutant of one file. `by`: the changes of `aPlan`, or the name of a scale plan. `wrong`: texts and replacements. */
export const mutant = (
  by: Partial<Plan> | string,
  breaks: RegExp,
  file: string,
  wrong: Record<string, string>,
): SourceMutant => ({
  changes: changesOf(file, wrong),
  breaks,
  by: typeof by === 'string' ? { scale: by } : { plan: by },
});

/** The mutant, with changes of a second file. */
export const and = (one: SourceMutant, ...second: Parameters<typeof changesOf>): SourceMutant => ({
  ...one,
  changes: [...one.changes, ...changesOf(...second)],
});
