import type { z } from 'zod';
import type { reconcilerEnv } from '../config';

/** Before the next run is due, this one must be over. Meanwhile no chunk of a campaign is released. */
const GAP_MS = 2_000;

/** How long a run may stay for campaigns and held jobs, and how long a canary may take; 0: none, and there are none. */
export function rhythmOf({
  RECONCILE_EVERY,
  CANARY_EVERY,
}: Pick<z.infer<typeof reconcilerEnv>, 'RECONCILE_EVERY' | 'CANARY_EVERY'>): { stayMs: number; canaryMs: number } {
  const everyMs = RECONCILE_EVERY * 1000;
  return {
    stayMs: Math.max(0, everyMs - GAP_MS),
    // Half a run less: one that comes a moment early must not be one too few.
    canaryMs: Math.max(0, (CANARY_EVERY - 0.5) * everyMs),
  };
}
