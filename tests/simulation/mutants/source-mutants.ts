import { ARROW_MUTANTS } from './source/arrows';
import { CAMPAIGN_MUTANTS } from './source/campaigns';
import { FOUND_MUTANTS } from './source/found';
import { JOB_MUTANTS } from './source/jobs';
import { SCALE_MUTANTS } from './source/scale';
import type { SourceMutant } from './source-mutant';

/** Faults that the code once had. `npm run simulate -- --mutant NAME` searches for one with random runs. */
export const SOURCE_MUTANTS: Record<string, SourceMutant> = {
  ...ARROW_MUTANTS,
  ...CAMPAIGN_MUTANTS,
  ...FOUND_MUTANTS,
  ...JOB_MUTANTS,
  ...SCALE_MUTANTS,
};
