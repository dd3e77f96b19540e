import { ARROW_MUTANTS } from './source/arrows';
import { CAMPAIGN_MUTANTS } from './source/campaigns';
import { CHUNK_MUTANTS } from './source/chunks';
import { CIRCUIT_MUTANTS } from './source/circuit';
import { CLAIM_MUTANTS } from './source/claim';
import { DEAD_LETTER_MUTANTS } from './source/dead-letters';
import { ENGINE_MUTANTS } from './source/engine';
import { EVENT_MUTANTS } from './source/events';
import { EVIDENCE_MUTANTS } from './source/evidence';
import { GUARD_MUTANTS } from './source/guard';
import { HOUR_MUTANTS } from './source/hours';
import { INDEX_KEY_MUTANTS } from './source/index-keys';
import { NEIGHBOUR_MUTANTS } from './source/neighbours';
import { PERMISSION_MUTANTS } from './source/permission';
import { PLANNED_MUTANTS } from './source/planned';
import { PROMISE_MUTANTS } from './source/promises';
import { RECOVERY_MUTANTS } from './source/recovery';
import { SUBJECT_MUTANTS } from './source/subjects';
import type { SourceMutant } from './source-mutant';

/** Faults that the code once had. `npm run simulate -- --mutant NAME` searches for one with random runs. */
export const SOURCE_MUTANTS: Record<string, SourceMutant> = {
  ...ARROW_MUTANTS,
  ...CAMPAIGN_MUTANTS,
  ...CHUNK_MUTANTS,
  ...CIRCUIT_MUTANTS,
  ...CLAIM_MUTANTS,
  ...DEAD_LETTER_MUTANTS,
  ...ENGINE_MUTANTS,
  ...EVENT_MUTANTS,
  ...EVIDENCE_MUTANTS,
  ...GUARD_MUTANTS,
  ...HOUR_MUTANTS,
  ...INDEX_KEY_MUTANTS,
  ...NEIGHBOUR_MUTANTS,
  ...PERMISSION_MUTANTS,
  ...PLANNED_MUTANTS,
  ...PROMISE_MUTANTS,
  ...RECOVERY_MUTANTS,
  ...SUBJECT_MUTANTS,
};
