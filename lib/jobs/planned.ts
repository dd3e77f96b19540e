import type { Item } from '../ports';
import { plannedKey, todoKey } from './keys';
import { type ItemDeps, updateItem, writeItem } from './ledger';
import type { JobRow } from './row';

const DAY_MS = 24 * 60 * 60_000;

/**
 * Adds an entry for a planned job to the index. Its row stands there too, among the held jobs. But held jobs go back at the pace of their queue (lib/reconcile/pace.ts). Planned jobs come as new jobs do, so the
 * reconciler must find and count them apart.
 */
export async function notePlanned(
  deps: ItemDeps,
  { key, queue, notBefore = 0 }: Pick<JobRow, 'key' | 'queue' | 'notBefore'>,
): Promise<void> {
  const item = {
    key: plannedKey(key),
    version: 0,
    writer: '',
    todo: todoKey(queue, 'planned'),
    todoAt: notBefore,
    expiresAt: Math.ceil((notBefore + DAY_MS) / 1000),
  };
  // If the entry exists already, an earlier call made it.
  await writeItem({ ...deps, item, expected: 0 });
}

/** Takes the entry of a job out of the index. Its row, if it still waits, stays there among the held jobs. */
export async function dropPlanned(deps: ItemDeps, job: string): Promise<void> {
  await updateItem<Item>(deps, plannedKey(job), (entry) => {
    if (entry?.todo === undefined) return undefined;
    const { todo: _todo, todoAt: _todoAt, ...rest } = entry;
    return rest as Item;
  });
}

/** The key of the job's row, from the key of its entry. */
export const jobOfEntry = (key: string): string => key.slice(plannedKey('').length);
