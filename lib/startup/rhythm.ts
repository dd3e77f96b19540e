import type * as z from 'zod';
import type { reconcilerEnv } from '../config/reconciler';

/** A run must end this long before the next one is due. No chunk of a campaign is released in between. */
const GAP_MS = 2_000;

/** How long a run may stay for campaigns and held jobs, and the time between canaries. 0 means none. */
export function rhythmOf({
  RECONCILE_EVERY,
  CANARY_EVERY,
}: Pick<z.infer<typeof reconcilerEnv>, 'RECONCILE_EVERY' | 'CANARY_EVERY'>): { stayMs: number; canaryMs: number } {
  const everyMs = RECONCILE_EVERY * 1000;
  return {
    stayMs: Math.max(0, everyMs - GAP_MS),
    // Half a run less, so that a run which starts a moment early still counts.
    canaryMs: Math.max(0, (CANARY_EVERY - 0.5) * everyMs),
  };
}
