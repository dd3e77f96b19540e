import * as z from 'zod';
import { ConfigError } from '../config/environment';
import type { Objects } from '../ports';
import { ownerKey } from './keys';

/** The folder of a bucket, as the file of one instance sees it. */
export interface InstanceFolder {
  prefix: string;
  instance: string;
  /** Other instances that use the folder too. */
  sharedWith: readonly string[];
  /** Whether this instance compacts the folder. Of those that share it, exactly one does, and it owns the folder. */
  compacts: boolean;
}

const marker = z.object({ instance: z.string() });

/** The instance that has claimed the folder. `undefined`: none has. */
export async function folderOwner(objects: Pick<Objects, 'get'>, prefix: string): Promise<string | undefined> {
  const bytes = await objects.get(ownerKey(prefix));
  if (!bytes) return undefined;
  const parsed = marker.safeParse(jsonOf(Buffer.from(bytes).toString('utf8')));
  return parsed.success ? parsed.data.instance : 'an object that is not ours';
}

/** Whether an instance may use a folder that `owner` has claimed. */
export const mayUse = ({ instance, sharedWith }: InstanceFolder, owner: string | undefined): boolean =>
  owner === undefined || owner === instance || sharedWith.includes(owner);

/**
 * Claims a folder for the instance that compacts it. Two instances that claim it at the same time cannot both succeed,
 * because S3 creates the marker only once. Resolves to false if another instance, which does not share it, owns it.
 */
export async function claimFolder(
  objects: Pick<Objects, 'get' | 'create' | 'put'>,
  folder: InstanceFolder,
): Promise<boolean> {
  const { instance, prefix, compacts } = folder;
  const marked = [ownerKey(prefix), JSON.stringify({ instance }), 'application/json'] as const;
  if (compacts && (await objects.create(...marked)) === 'created') return true;
  const owner = await folderOwner(objects, prefix);
  if (!mayUse(folder, owner)) return false;
  if (compacts && owner !== instance) await objects.put(...marked);
  return true;
}

/**
 * Refuses a folder of another instance: compaction deletes objects. A folder without a marker is accepted, because the
 * service on this machine has none. Throws a ConfigError.
 */
export async function requireOwnFolder(
  objects: Pick<Objects, 'get'>,
  { prefix, instance }: { prefix: string; instance: string },
): Promise<void> {
  const owner = await folderOwner(objects, prefix);
  if (owner !== undefined && owner !== instance)
    throw new ConfigError(`configuration: the folder ${prefix} belongs to ${owner}, not to ${instance}`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
