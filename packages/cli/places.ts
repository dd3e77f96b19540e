import { dataPrefix, latePrefix, parquetPrefix, rejectedPrefix } from '../../lib/analytics/keys';
import {
  dataPrefix as claimPrefix,
  EMAILS_QUEUE,
  recordFolder,
  suppressedKey,
  uploadsPrefix,
} from '../../lib/jobs/keys';
import { OBJECT_LIFETIME_MS, ROW_LIFETIME_MS } from '../../lib/jobs/ledger';

const DAY_MS = 86_400_000;
/** A planned job waits 30 days, its message 14, and an ended job can be retried for 44. The rest is for held jobs. */
const A_JOB = OBJECT_LIFETIME_MS / DAY_MS;
const A_ROW = ROW_LIFETIME_MS / DAY_MS;
/** A year, and a month for its accounts. */
const YEAR = 400;

/** A place of data about a person, in the words of docs/privacy.md, as Markdown. `holds`: what, and what for. */
export interface Place {
  where: string;
  holds: string;
  readers: string;
  /** How long, besides `days`. */
  kept?: string;
  found: string;
  erased: string;
  /** Days after which a lifecycle rule of the bucket deletes its objects, and for how many a job may need them. */
  days?: readonly [lifetime: number, needed: number];
  /** The folders of the bucket. The first place whose folder has a key is the key's place. */
  folders?: (prefix: string, queues: readonly string[]) => readonly string[];
  /** The beginnings of the table's keys. */
  items?: (queues: readonly string[]) => readonly string[];
}

/**
 * Every place where personal data may be. docs/privacy.md, the lifecycle rules of `sls check` and the commands
 * `sls privacy` follow from it. A test runs a marked person through every kind of job, and fails for a mark elsewhere.
 */
export const PLACES = {
  rows: {
    where: 'rows of the table',
    holds:
      'keyed hashes of address, user and caller (`person`, `group`, `owner`); `type`, `source`, `correlationId`; tokens of uploads (`kept`), for the state of each job',
    readers: 'workers, reconciler, producers, operators',
    kept: '45 days after the end, dead jobs 59, 35 more in backups',
    found: 'by two indexes of keyed hashes. Earlier keys are tried too',
    erased: 'the hashes go, the row says `erased`. `correlationId` stays',
    items: (queues) => queues.map((queue) => `${queue}#`),
  },
  messages: {
    where: 'queues and DLQs',
    holds: 'whole jobs, for the work',
    readers: "the queue's worker, reconciler, operators",
    kept: 'until done, at most 14 days',
    found: 'not: SQS cannot be searched',
    erased: 'a message of an erased job does nothing and is deleted; entries of dead jobs are discarded',
  },
  bodies: {
    where: '`{prefix}/_bodies/`',
    holds: 'bodies of planned, held, dead and cancelled jobs, for release, redrive, retry',
    readers: "the queue's worker, reconciler, operators",
    kept: 'until nothing can run the job again; dead and cancelled 44 days (`retention.retry`)',
    days: [A_JOB, A_JOB],
    found: 'by a scan: its data names the person',
    erased: 'deleted, and the job is cancelled or discarded',
    folders: (prefix) => [`${prefix}/_bodies/`],
  },
  lists: {
    where: '`{prefix}/_data/emails/`',
    holds: 'addresses, names and data of recipients, texts of campaigns, for campaigns',
    readers: 'worker of mails, producers, operators',
    kept: "as long as the campaign's row: 45 days after its end",
    days: [A_JOB, A_JOB],
    found: 'by a scan',
    erased: 'the line goes from the list, and all other numbers stay',
    folders: (prefix) => [claimPrefix(prefix, EMAILS_QUEUE)],
  },
  suppressed: {
    where: '`{prefix}/_suppressed/`',
    holds: 'keyed hashes of addresses, for a list of who gets no mail',
    readers: 'worker of mails, operators',
    kept: 'for ever',
    found: 'by the hash with the key of this list',
    erased: 'stays: the person gets no mail',
    folders: (prefix) => [suppressedKey(prefix)],
  },
  data: {
    where: '`{prefix}/_data/` otherwise',
    holds: 'large jobs, for data that no message can carry',
    readers: "the queue's worker, operators",
    kept: 'until the success',
    days: [A_JOB, A_JOB],
    found: "by the job's id, and by a scan",
    erased: 'deleted',
    folders: (prefix) => [`${prefix}/_data/`],
  },
  uploads: {
    where: '`{prefix}/_attachments/{queue}/by/`',
    holds: 'files of users: attachments, lists, for tickets, campaigns',
    readers: 'worker, producers',
    kept: 'until the rows of all their jobs are gone',
    days: [A_JOB, A_JOB],
    found: "by the rows of the person's jobs; lists by a scan",
    erased: 'deleted, unless another job names the file; lists of recipients lose the line',
    folders: (prefix, queues) => queues.map((queue) => uploadsPrefix(prefix, queue)),
  },
  files: {
    where: '`{prefix}/_attachments/` otherwise',
    holds: 'files that the API put there, for tickets',
    readers: 'worker, producers',
    days: [A_JOB, A_JOB],
    found: 'not: nothing says whose they are',
    erased: 'by age',
    folders: (prefix) => [`${prefix}/_attachments/`],
  },
  records: {
    where: 'records (`feedback`, `emails`, `testflight`, `analytics-jobs`)',
    holds: 'the same as rows, without what only the table needs, for what each job did',
    readers: 'worker, reconciler, readers, operators',
    days: [YEAR, A_ROW],
    found: 'by a scan of the keyed hashes',
    erased: 'the hashes go, the rest stays',
    folders: (prefix, queues) => queues.map((queue) => `${recordFolder(prefix, queue)}/`),
  },
  events: {
    where: '`{prefix}/analytics/`, `analytics-late/`',
    holds: 'ids of users, sessions and devices, properties, for analysis',
    readers: 'readers, operators',
    days: [90, 60],
    found: "by a scan: the user's id, or the address in a value",
    erased: 'the line goes, the object is marked, and no repeat of its message brings the line back',
    folders: (prefix) => [dataPrefix(prefix), latePrefix(prefix)],
  },
  parquet: {
    where: '`{prefix}/analytics-events/`',
    holds: 'the same as Parquet, for analysis',
    readers: 'readers, operators',
    days: [YEAR, A_ROW],
    found: 'by a scan',
    erased: 'written again without the rows, while no hour is written',
    folders: (prefix) => [parquetPrefix(prefix)],
  },
  rejected: {
    where: '`{prefix}/analytics-rejected/`',
    holds: 'rejected events as they came, for repairs',
    readers: 'operators',
    days: [30, 0],
    found: 'by a scan',
    erased: 'as events',
    folders: (prefix) => [rejectedPrefix(prefix)],
  },
  outcomes: {
    where: '`{prefix}/_events/`',
    holds: "SendGrid's events with numbers of recipients, for reports",
    readers: 'readers, operators',
    days: [YEAR, A_ROW],
    found: 'not: a number is no name of a person once the list is gone',
    erased: 'by age',
    folders: (prefix) => [`${prefix}/_events/`],
  },
  witnesses: {
    where: '`{prefix}/_witness/`',
    holds: 'names of runs, random, for runs whose outcome the table refused; no data about a person',
    readers: "the queue's worker, reconciler",
    kept: 'until the next run of the job',
    days: [30, 28],
    found: 'not: it names no person and no job',
    erased: 'by age',
    folders: (prefix) => [`${prefix}/_witness/`],
  },
  audit: {
    where: '`{prefix}/_audit/`',
    holds: 'ARNs of operators, reasons, arguments without persons, for who did what',
    readers: 'operators',
    days: [YEAR, 0],
    found: 'not: an operator is no user',
    erased: 'by age',
    folders: (prefix) => [`${prefix}/_audit/`],
  },
  shared: {
    where: 'other items of the table',
    holds:
      "keyed hashes of testers and mailboxes; names of campaigns, numbers of their recipients; the ARN's end of who paused a queue, for order, limits, circuits",
    readers: 'workers, reconciler, operators',
    kept: '2 hours to 120 days; a pause until its end',
    found: 'not: no item has an address',
    erased: 'by age',
    items: () => ['subject#', 'campaign#', 'pause#', 'vendor#', 'evidence#', 'file#', 'reports#'],
  },
  logs: {
    where: 'logs, metrics, chat, bus',
    holds: 'ids of jobs, `correlationId`, for operation',
    readers: "operators, the bus's consumers",
    kept: '30 days, in production 90',
    found: 'not: an id is no name of a person',
    erased: 'by age',
  },
  vendors: {
    where: 'Zendesk, SendGrid, Apple',
    holds: 'address, name, text, `correlationId`, for tickets, mails, tests',
    readers: 'their users',
    kept: 'their settings',
    found: "by the steps of the person's jobs",
    erased: "tickets with an operator's token; the rest by hand: the report has each step",
  },
  versions: {
    where: 'old versions, backups',
    holds: 'all of the above as it was, for repair',
    readers: 'administrators',
    kept: '30 days in the bucket, 35 in the table',
    found: 'not',
    erased: 'by age',
  },
} satisfies Record<string, Place>;

export type PlaceName = keyof typeof PLACES;
