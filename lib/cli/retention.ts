import { dataPrefix, latePrefix, parquetPrefix, rejectedPrefix } from '../analytics/keys';
import type { Instance } from '../instances/instance';
import { auditKey, recordFolder } from '../jobs/keys';
import { OBJECT_LIFETIME_MS, ROW_LIFETIME_MS } from '../jobs/schedule';

const DAY_MS = 86_400_000;

/**
 * Days. A planned job waits for 30, its message for 14, and an ended job can be retried for 44. The rest is for jobs that
 * are held. The reconciler deletes kept bodies earlier.
 */
const UNNEEDED_AFTER = OBJECT_LIFETIME_MS / DAY_MS;
/** A year, and a month for its accounts. */
const YEAR = 400;
const MONTH = 30;
/** By then the events of a message are in Parquet, also if it came weeks late or an hour was left to a query engine. */
const ORIGINALS = 90;
const ORIGINALS_NEEDED = 60;
/** How long an old version may be needed, to restore what was overwritten or deleted by mistake. */
export const OLD_VERSIONS_NEEDED = MONTH;

const A_ROWS_LIFE = ROW_LIFETIME_MS / DAY_MS;

/** Objects of a folder are deleted this many days after they were last written. */
export interface Retention {
  folder: string;
  days: number;
  /** For so many days a job or an operator may read them. A bucket's own rule may not delete them earlier. */
  needed: number;
}

type Folders = Pick<Instance, 'prefix' | 'known'>;

/** Every folder of an instance, with its retention. Only `_owner` stays for ever. */
export const retentions = ({ prefix, known }: Folders): Retention[] => [
  ...['_bodies', '_data', '_attachments'].map((name) => ({
    folder: `${prefix}/${name}/`,
    days: UNNEEDED_AFTER,
    needed: UNNEEDED_AFTER,
  })),
  ...[
    ...Object.keys(known).map((queue) => `${recordFolder(prefix, queue)}/`),
    ...['_recipients', '_events'].map((name) => `${prefix}/${name}/`),
    parquetPrefix(prefix),
  ].map((folder) => ({ folder, days: YEAR, needed: A_ROWS_LIFE })),
  ...[dataPrefix, latePrefix].map((folder) => ({ folder: folder(prefix), days: ORIGINALS, needed: ORIGINALS_NEEDED })),
  { folder: rejectedPrefix(prefix), days: MONTH, needed: 0 },
  { folder: auditKey(prefix, '').replace(/[^/]*$/, ''), days: YEAR, needed: 0 },
];

/** The rules for `aws s3api put-bucket-lifecycle-configuration`. They also delete old versions and unfinished uploads. */
export const lifecycleRules = (instance: Folders) => ({
  Rules: retentions(instance).map(({ folder, days }) => ({
    ID: folder,
    Status: 'Enabled',
    Filter: { Prefix: folder },
    Expiration: { Days: days },
    NoncurrentVersionExpiration: { NoncurrentDays: OLD_VERSIONS_NEEDED },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
  })),
});
