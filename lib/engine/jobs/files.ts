import type { ItemHead } from '../../platform/ports';
import { type ItemDeps, updateItem } from './items';
import { fileKey, jobKey, todoKey } from './keys';
import { OBJECT_LIFETIME_MS, ROW_LIFETIME_MS } from './schedule';

/** Which jobs name an uploaded file. It has a `todo` while the reconciler must look whether the file can go. */
export interface FileNote extends ItemHead {
  object: string;
  jobs: string[];
}

/** Whether a stored note has lost nothing. The file of a damaged note stays for the lifecycle rule. */
export const isWhole = ({ key, object, jobs }: FileNote): boolean =>
  fileKey(object) === key && Array.isArray(jobs) && jobs.every((job) => typeof job === 'string');

/** With more jobs than this, the file stays for the lifecycle rule, so that the item stays small. */
const MOST_JOBS = 100;

/**
 * Notes that a job names these uploads (S3 keys). A producer calls it before the job has a row or a message, so that
 * every job with a file has a note. If the producer dies in between, the file goes as if the job had ended.
 */
export async function noteFiles(
  deps: ItemDeps,
  { queue, id, files }: { queue: string; id: string; files: readonly string[] },
): Promise<void> {
  const now = deps.clock.now();
  const job = jobKey(queue, id);
  const added = (object: string, stored: FileNote | undefined): FileNote | undefined => {
    if (stored && !isWhole(stored)) return undefined;
    const known = stored?.jobs ?? [];
    if (known.includes(job) || known.length > MOST_JOBS) return undefined;
    const note = { key: fileKey(object), version: 0, writer: '', object, jobs: [...known, job] };
    if (note.jobs.length > MOST_JOBS) return { ...note, expiresAt: Math.ceil((now + OBJECT_LIFETIME_MS) / 1000) };
    return { ...note, todo: todoKey(queue, 'files'), todoAt: stored?.todoAt ?? now + ROW_LIFETIME_MS };
  };
  await Promise.all(
    [...new Set(files)].map((object) => updateItem<FileNote>(deps, fileKey(object), (stored) => added(object, stored))),
  );
}
