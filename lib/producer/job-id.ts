import { createHash } from 'node:crypto';
import { v5, v7 } from 'uuid';
import type { Clock, Random } from '../ports';

/** Fixed for ever: another namespace would give every key in use a second job. */
const NAMESPACE = 'b3f7c1de-5a0e-4a6b-9a55-6d0f3a2c9e41';

/**
 * The job id, the only idempotency key. Where the caller brings a key, it follows from queue, principal and key: the
 * same three always meet the same job, and two principals' keys never meet. Else it is new, ordered by time.
 */
export function jobId({
  queue,
  key,
  principal = '',
  clock,
  random,
}: {
  queue: string;
  key?: string | undefined;
  principal?: string | undefined;
  clock: Clock;
  random: Random;
}): string {
  // JSON keeps the three apart: ("a", "bc") and ("ab", "c") must not be one name.
  if (key !== undefined) return v5(JSON.stringify([queue, principal, key]), NAMESPACE);
  // A v4 UUID has fixed bits; its hash is evenly random.
  return v7({ msecs: clock.now(), random: createHash('sha256').update(random.uuid()).digest().subarray(0, 16) });
}
