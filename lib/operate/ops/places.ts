import { dataPrefix as claimPrefix, recordFolder, uploadsPrefix } from '../../engine/jobs/keys';
import { OBJECT_LIFETIME_MS, ROW_LIFETIME_MS } from '../../engine/jobs/schedule';
import { suppressedKey } from '../../mail/suppression';
import { dataPrefix, latePrefix, parquetPrefix, rejectedPrefix } from '../../queues/analytics/keys';
import { EMAILS_QUEUE } from '../../queues/emails/queue';

const DAY_MS = 86_400_000;
/** A planned job waits 30 days, its message 14, and an ended job can be retried for 44. The rest is for held jobs. */
const A_JOB = OBJECT_LIFETIME_MS / DAY_MS;
const A_ROW = ROW_LIFETIME_MS / DAY_MS;
/** A year, and a month for its accounts. */
const YEAR = 400;

/** A place of data about a person. docs/privacy.md says in words what it holds, who reads it and how it is erased. */
export interface Place {
  /** Days after which a lifecycle rule of the bucket deletes its objects, and for how many a job may need them. */
  days?: readonly [lifetime: number, needed: number];
  /** The folders of the bucket. The first place whose folder has a key is the key's place. */
  folders?: (prefix: string, queues: readonly string[]) => readonly string[];
  /** The beginnings of the table's keys. */
  items?: (queues: readonly string[]) => readonly string[];
}

/**
 * Every place of the table and the bucket where personal data may be. The lifecycle rules of `sls check` and the commands
 * `sls privacy` follow from it. A test runs a marked person through every kind of job, and fails for a mark elsewhere.
 */
export const PLACES = {
  rows: { items: (queues) => queues.map((queue) => `${queue}#`) },
  bodies: { days: [A_JOB, A_JOB], folders: (prefix) => [`${prefix}/_bodies/`] },
  lists: { days: [A_JOB, A_JOB], folders: (prefix) => [claimPrefix(prefix, EMAILS_QUEUE)] },
  suppressed: { folders: (prefix) => [suppressedKey(prefix)] },
  data: { days: [A_JOB, A_JOB], folders: (prefix) => [`${prefix}/_data/`] },
  uploads: { days: [A_JOB, A_JOB], folders: (prefix, queues) => queues.map((queue) => uploadsPrefix(prefix, queue)) },
  files: { days: [A_JOB, A_JOB], folders: (prefix) => [`${prefix}/_attachments/`] },
  records: {
    days: [YEAR, A_ROW],
    folders: (prefix, queues) => queues.map((queue) => `${recordFolder(prefix, queue)}/`),
  },
  events: { days: [90, 60], folders: (prefix) => [dataPrefix(prefix), latePrefix(prefix)] },
  parquet: { days: [YEAR, A_ROW], folders: (prefix) => [parquetPrefix(prefix)] },
  rejected: { days: [30, 0], folders: (prefix) => [rejectedPrefix(prefix)] },
  outcomes: { days: [YEAR, A_ROW], folders: (prefix) => [`${prefix}/_events/`] },
  witnesses: { days: [30, 28], folders: (prefix) => [`${prefix}/_witness/`] },
  audit: { days: [YEAR, 0], folders: (prefix) => [`${prefix}/_audit/`] },
  shared: {
    items: () => ['person#', 'campaign#', 'pause#', 'vendor#', 'evidence#', 'file#', 'reports#', 'suppress#', 'list#'],
  },
} satisfies Record<string, Place>;

export type PlaceName = keyof typeof PLACES;
