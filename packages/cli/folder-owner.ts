import * as z from 'zod';
import { ownerKey } from '../../lib/jobs/keys';
import type { Objects } from '../../lib/ports';
import { jsonOf } from '../../lib/text';

const marker = z.object({ instance: z.string() });

/** The instance that has claimed the folder of a bucket. `undefined`: none has. */
export async function folderOwner(objects: Pick<Objects, 'get'>, prefix: string): Promise<string | undefined> {
  const bytes = await objects.get(ownerKey(prefix));
  if (!bytes) return undefined;
  const parsed = marker.safeParse(jsonOf(Buffer.from(bytes).toString('utf8')));
  return parsed.success ? parsed.data.instance : 'an object that is not ours';
}

export const mayUse = (instance: string, owner: string | undefined): boolean =>
  owner === undefined || owner === instance;

/** Claims a folder. Of two instances one gets `false`, because S3 creates the marker only once. */
export async function claimFolder(
  objects: Pick<Objects, 'get' | 'create'>,
  { instance, prefix }: { instance: string; prefix: string },
): Promise<boolean> {
  const created = await objects.create(ownerKey(prefix), JSON.stringify({ instance }), 'application/json');
  return created === 'created' || (await folderOwner(objects, prefix)) === instance;
}
