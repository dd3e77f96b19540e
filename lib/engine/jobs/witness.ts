import { ignoreStoreError } from '../../platform/errors';
import type { Objects } from '../../platform/ports';
import { type ItemDeps, patiently } from './items';
import { witnessKey } from './keys';

type Bucket = { objects: Objects; prefix: string };

/**
 * While the table fails, no run can store its outcome, so each looks like a crashed one. A run that ends nevertheless
 * leaves a witness in the bucket: an empty object. A run that is killed leaves none. Its name is the run's own, so a
 * witness excuses no other run. Resolves to whether it is there, which is unknown if the bucket fails too.
 */
export const leaveWitness = (
  deps: Bucket & Pick<ItemDeps, 'clock' | 'random'>,
  queue: string,
  run: string,
): Promise<boolean> =>
  patiently(deps, () => deps.objects.put(witnessKey(deps.prefix, queue, run), '', 'text/plain')).then(
    () => true,
    (error: unknown) => ignoreStoreError(error) ?? false,
  );

/** Whether a run that looks crashed has left a witness. Only a reader that is about to count a crash asks. */
export const hasWitness = async ({ objects, prefix }: Bucket, queue: string, run: string): Promise<boolean> =>
  (await objects.get(witnessKey(prefix, queue, run))) !== undefined;

/** A witness that stays does no harm. The bucket's lifecycle rule deletes it at last. */
export const dropWitness = ({ objects, prefix }: Bucket, queue: string, run: string): Promise<void> =>
  objects.delete(witnessKey(prefix, queue, run)).catch(ignoreStoreError);
