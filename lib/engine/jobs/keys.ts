/** Every name that is stored or shared: keys of rows and objects, queue names, deduplication ids. Never change one. */

export const jobKey = (queue: string, id: string): string => `${queue}#${id}`;

export const vendorKey = (vendor: string): string => `vendor#${vendor}`;
export const tableName = (instance: string): string => `${instance}-jobs`;
/** The name of a function by its key in serverless.yml, for example `emailEvents`. */
export const functionName = (instance: string, key: string): string =>
  `${instance}-${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
export const topicName = (instance: string): string => `${instance}-alarms`;
/** The queue of alarms that the chat did not accept, and the topic of the alarms about that queue. */
export const undeliveredName = (instance: string): string => `${instance}-alarms-undelivered`;
export const canaryKey = (queue: string): string => `canary#${queue}`;
export const pauseKey = (queue: string): string => `pause#${queue}`;
export const returnsKey = (queue: string): string => `returns#${queue}`;
/** A message that was returned from a queue's DLQ and that a worker began. */
export const trialKey = (queue: string, messageId: string): string => `trial#${queue}#${messageId}`;
/** Which jobs name an uploaded file (lib/engine/jobs/files.ts). `object`: its S3 key. */
export const fileKey = (object: string): string => `file#${object}`;
/** Evidence about a step of a job, before the reconciler writes it into the job's row. */
export const evidenceKey = (queue: string, step: string, id: string): string => `evidence#${queue}#${step}#${id}`;
/** What a queue remembers about a person, of whom the key has a hash. */
export const personKey = (queue: string, hash: string): string => `person#${queue}#${hash}`;
export const reconcilerKey = 'lease#reconciler';
export const factsKey = 'facts';

/** What the reconciler must do with a row, evidence or a file. The sort key of index `todo` says when. */
export type TodoKind =
  | ('active' | 'held' | 'planned' | 'paused' | 'unknown' | 'dead' | 'expired' | 'kept')
  | ('evidence' | 'files');
/**
 * A queue has kinds of its own for its own items. `vendor` belongs to `held`: the jobs that wait for one vendor are found
 * without reading the others.
 */
export const todoKey = (queue: string, kind: string, vendor?: string): string =>
  `${queue}#${kind}${vendor === undefined ? '' : `#${vendor}`}`;

/**
 * Every job is active: to be sent, in its queue, with a worker, or without its record. One partition key of an index
 * takes 1,000 writes a second, so this kind has eight keys (docs/jobs.md, "How many jobs a second").
 */
const ACTIVE = 'active';
const SHARDS = 8;

/** The key of a job's entry. The shard follows from the id alone, because a change of key costs a delete and a put. */
export function todoKeyOf({ queue, id }: { queue: string; id: string }, kind: TodoKind): string {
  if (kind !== ACTIVE) return todoKey(queue, kind);
  return `${todoKey(queue, kind)}#${[...id].reduce((shard, letter) => (shard * 31 + letter.charCodeAt(0)) % SHARDS, 0)}`;
}

/** The keys of all entries of a kind. `vendors`: those for which its jobs may be held. */
export function todoKeys(queue: string, kind: TodoKind, vendors: readonly string[] = []): string[] {
  const plain = todoKey(queue, kind);
  if (kind === 'held') return [plain, ...vendors.map((vendor) => todoKey(queue, kind, vendor))];
  return kind === ACTIVE ? Array.from({ length: SHARDS }, (_, shard) => `${plain}#${shard}`) : [plain];
}

export const groupKey = (queue: string, group: string): string => `${queue}#${group}`;

/** `{folder}/year=YYYY/month=MM/day=DD/hour=HH/`: the partition of a time. */
export function hourPartition(folder: string, time: number): string {
  const [year, month, day, hour] = new Date(time).toISOString().split(/\D/);
  return `${folder}/year=${year}/month=${month}/day=${day}/hour=${hour}/`;
}

/** The name in S3's metadata by which an erasure marks an object that it has written again. */
export const ERASED = 'erased';

/** Names the instance to which a folder of the bucket belongs. */
export const ownerKey = (prefix: string): string => `${prefix}/_owner`;

export const recordFolder = (prefix: string, queue: string): string => `${prefix}/${queue}`;

/** The key of a job's S3 record. It follows from the job alone. */
export const recordKey = (prefix: string, row: { queue: string; time: number; id: string }): string =>
  `${hourPartition(recordFolder(prefix, row.queue), row.time)}${row.id}.json`;

/** The kept body of a held or dead job, so that no release, redrive or retry needs the DLQ entry. */
export const bodyKey = (prefix: string, queue: string, id: string): string => `${prefix}/_bodies/${queue}/${id}`;

/** What a run leaves that could not store its outcome (lib/engine/jobs/witness.ts). `run`: its lease, or its message. */
export const witnessKey = (prefix: string, queue: string, run: string): string => `${prefix}/_witness/${queue}/${run}`;

/** What says who ran a command that changes something, and why. The id sorts by time. */
export const auditKey = (prefix: string, id: string): string => `${prefix}/_audit/${id}.json`;

/** What the check of a day found. `day`: like `2026-01-02`, or empty for the beginning of all keys. */
export const verifiedKey = (prefix: string, day: string): string => `${prefix}/_verified/${day && `${day}.json`}`;

/** Claim checks (`dataref`) and attachments that a queue's function may read. */
export const dataPrefix = (prefix: string, queue: string): string => `${prefix}/_data/${queue}/`;
/** A job's large data. It has its job's id, so that what happens to the job can happen to it too. */
export const dataKey = (prefix: string, { queue, id, sha256 }: { queue: string; id: string; sha256: string }): string =>
  `${dataPrefix(prefix, queue)}${id}/${sha256}`;
export const attachmentsPrefix = (prefix: string, queue: string): string => `${prefix}/_attachments/${queue}/`;

/** The files that users upload. Each principal has a folder in it. */
export const uploadsPrefix = (prefix: string, queue: string): string => `${attachmentsPrefix(prefix, queue)}by/`;

export const queueName = (instance: string, queue: string, type: 'fifo' | 'standard'): string =>
  `${instance}-${queue}${type === 'fifo' ? '.fifo' : ''}`;
export const dlqName = (instance: string, queue: string, type: 'fifo' | 'standard'): string =>
  queueName(instance, `${queue}-dlq`, type);

/** The host does not matter: our SQS client uses its own endpoint (`useQueueUrlAsEndpoint: false`). */
export const queueUrl = (region: string, account: string, name: string): string =>
  `https://sqs.${region}.amazonaws.com/${account}/${name}`;

export function queueUrlOfArn(arn: string): string {
  const [, , , region = '', account = '', name = ''] = arn.split(':');
  return queueUrl(region, account, name);
}

type Sent = { id: string; token?: string };

/**
 * SQS remembers a deduplication id for five minutes, even after the message was deleted, and drops a repeat with a 200.
 * So an id names the write of the row that the message follows. With the row's `token`, no other program has used it.
 */
export const deduplicationId = {
  opened: ({ id, token = id, version }: Sent & { version: number }): string => `${token}:${version}`,
  parked: ({ id, token = id, generation }: Sent & { generation: number }): string => `${token}:p:${generation}`,
  /** Its row does not parse. */
  unread: (id: string, messageId: string): string => `${id}:d:${messageId}`,
};

/** A body that is no job, or whose id another job has, gets its own row and record under this id. */
export const invalidId = (messageId: string): string => `invalid/${messageId}`;
export const isInvalidId = (id: string): boolean => id.startsWith('invalid/');

/** A vendor's events about the jobs of a queue, in the hour of the job's `time`. */
export const eventsFolder = (prefix: string, queue: string): string => `${prefix}/_events/${queue}`;
export const eventsPartition = (prefix: string, queue: string, time: number): string =>
  hourPartition(eventsFolder(prefix, queue), time);

export const keyAlias = (instance: string): string => `alias/${instance}-jobs`;

export const producerParameter = (instance: string): string => `/jobs/${instance}/producer`;

/** The name or ARN of the bus that gets the ends of an instance's jobs. `own` is a bus of the instance. */
export const eventBus = (instance: string, setting: string | undefined): string =>
  setting === 'own' ? `${instance}-jobs` : (setting ?? '');
