import { mapEach, throughAll } from '../concurrency';
import { everyDue, isFirstMinuteOfHour } from '../jobs/due';
import { type FileNote, isWhole } from '../jobs/files';
import { todoKey } from '../jobs/keys';
import { type ItemDeps, readItem, updateItem } from '../jobs/ledger';
import type { Objects } from '../ports';

interface DropFilesDeps extends ItemDeps {
  objects: Pick<Objects, 'delete'>;
  share?: number;
}

const AT_ONCE = 16;
const DAY_MS = 24 * 60 * 60_000;

/**
 * Deletes uploaded files when the rows of all jobs that name them are gone. While a row is there, an operator can retry
 * its job, and a repeated call finds it. Until then it looks again each day. It works once an hour, because no file is
 * urgent.
 */
export async function dropFiles(deps: DropFilesDeps, queue: string, mayGoOn: () => boolean): Promise<void> {
  if (!isFirstMinuteOfHour(deps.clock)) return;
  const todo = todoKey(queue, 'files');
  const drop = async (key: string) => {
    if (!mayGoOn()) return;
    const note = (await readItem(deps, key)) as FileNote | undefined;
    if (note?.todo === todo && (note.todoAt ?? 0) <= deps.clock.now()) await dropFile(deps, note);
  };
  await throughAll(everyDue(deps, { todo, mayGoOn }), (keys) => throughAll(keys, drop, AT_ONCE));
}

async function dropFile(deps: DropFilesDeps, note: FileNote): Promise<void> {
  const now = deps.clock.now();
  const rows = isWhole(note) ? await mapEach(note.jobs, AT_ONCE, (job) => readItem(deps, job)) : [];
  // A note that waits names a job. If it has lost its jobs, nothing says who needs the file.
  const isNeeded = rows.length === 0 || rows.some((row) => row !== undefined);
  if (!isNeeded) await deps.objects.delete(note.object);
  // A producer may have added a job meanwhile. Then the note stays as it is.
  await updateItem<FileNote>(
    deps,
    note.key,
    (stored) => {
      if (stored?.version !== note.version) return undefined;
      if (isNeeded) return { ...stored, todoAt: now + DAY_MS };
      const { todo: _todo, todoAt: _todoAt, ...rest } = stored;
      return { ...rest, jobs: [], expiresAt: Math.ceil((now + DAY_MS) / 1000) } as unknown as FileNote;
    },
    note,
  );
}
