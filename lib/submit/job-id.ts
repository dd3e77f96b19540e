import { createHash } from 'node:crypto';
import { v5, v7 } from 'uuid';
import type { HashPeople } from '../jobs/person-hash';
import type { Clock, Random } from '../ports';

/** Never change this: another namespace would create a second job for every key in use. */
const NAMESPACE = 'b3f7c1de-5a0e-4a6b-9a55-6d0f3a2c9e41';

interface NewJob {
  queue: string;
  key?: string | undefined;
  principal?: string | undefined;
  clock: Clock;
  random: Random;
}

/**
 * The job id, which is the only idempotency key. If the caller gives a key, the id follows from queue, principal and
 * key. So a repeat finds the same job, and keys of two principals never collide. A key without a principal is the
 * system's. Without a key the id is new and sorts by time.
 */
export function jobId({ queue, key, principal = '', clock, random }: NewJob): string {
  // JSON separates the three, because ("a", "bc") and ("ab", "c") must have different ids.
  if (key !== undefined) return v5(JSON.stringify([queue, principal, key]), NAMESPACE);
  return newId({ clock, random });
}

/** A new id that sorts by time. A v4 UUID has fixed bits, but all bits of its hash are random. */
export const newId = ({ clock, random }: { clock: Clock; random: Random }): string =>
  v7({ msecs: clock.now(), random: createHash('sha256').update(random.uuid()).digest().subarray(0, 16) });

/**
 * The `owner` that the row of a principal's job has, or may have while the hash key changes. Without a principal it has
 * none. Rejects with a StoreError if the hash key cannot be read.
 */
export const ownersOf = async (
  hashPeople: HashPeople,
  principal: string | undefined,
): Promise<readonly (string | undefined)[]> =>
  principal === undefined ? [undefined] : (await hashPeople())(`owner:${principal}`);
