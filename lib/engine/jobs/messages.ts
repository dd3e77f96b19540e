import type { QueueSettings } from '../../platform/config/functions';
import { PermanentError, StoreError } from '../../platform/errors';
import type { Clock, Log, Objects, OutgoingMessage, Queues, SentMessage } from '../../platform/ports';
import { HIDDEN, parseEnvelope, payloadHash, sha256 } from './envelope';
import { bodyKey, deduplicationId } from './keys';
import type { Ledger } from './ledger';
import type { JobRow } from './row';
import { sent } from './transitions';

type Deps = { objects: Objects; prefix: string };

/** The body of a DLQ entry whose kept body is gone. The entry still tells the reason. */
export const GONE = JSON.stringify({ body: 'gone' });

/** Replaces a body that does not fit into a message together with its attributes. The body is kept in S3. */
export const PLACEHOLDER = JSON.stringify({ body: 'kept' });

export const bodyMissing = (): PermanentError =>
  new PermanentError({ code: 'BodyMissing', message: 'the body that the job was sent with is gone from the bucket' });

/** Whether a body with this hash is the job's. Without a hash, the message names the job. */
export const belongs = ({ payloadHash }: Pick<JobRow, 'payloadHash'>, hash: string | undefined): boolean =>
  hash === undefined || hash === payloadHash;

/** Whether a body is the job's. An invalid body has its own hash, and a job's body the hash of its data. */
function isBodyOf(body: string, row: Pick<JobRow, 'payloadHash'>): boolean {
  if (sha256(body) === row.payloadHash) return true;
  try {
    return belongs(row, payloadHash(parseEnvelope(body)));
  } catch {
    return false;
  }
}

/** Keeps a job's body in the bucket. A lost body does not replace what is left of it. */
export async function keepBody({ objects, prefix }: Deps, { queue, id }: Pick<JobRow, 'queue' | 'id'>, body: string) {
  if (body !== GONE) await objects.put(bodyKey(prefix, queue, id), body, 'application/json');
}

/** The kept body of a job. `undefined`: it is gone, or another one lies in its place. */
export async function keptBody(
  { objects, prefix }: Deps,
  row: Pick<JobRow, 'queue' | 'id' | 'payloadHash'>,
): Promise<string | undefined> {
  const bytes = await objects.get(bodyKey(prefix, row.queue, row.id));
  const body = bytes && Buffer.from(bytes).toString('utf8');
  return body !== undefined && isBodyOf(body, row) ? body : undefined;
}

/**
 * SQS counts the body and the attributes' names, types and values
 * (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html).
 */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

/** Attributes of our own messages. None may hold personal data, because everyone who reads a DLQ sees them. */
export const ATTRIBUTE = {
  /** The job id, for a body without one. */
  job: 'job',
  /** The token of the job's row, which only our own messages carry (lib/engine/worker/claim.ts). */
  token: 'token',
  /** Of a DLQ entry: the message that its job was parked from. */
  parkedFrom: 'messageId',
  /** How often the reconciler returned the message. Later returns count only if the message killed a worker. */
  returned: 'returned',
  /** When the reconciler last returned the message, in ms since 1970. */
  returnedAt: 'returnedAt',
} as const;

export const tokenOf = ({ token }: Pick<JobRow, 'token'>): { token?: string } =>
  token === undefined ? {} : { [ATTRIBUTE.token]: token };

export function messageBytes({ body, attributes = {} }: Pick<OutgoingMessage, 'body' | 'attributes'>): number {
  const attributeBytes = Object.entries(attributes).map(
    ([name, value]) => Buffer.byteLength(name + value) + 'String'.length,
  );
  return attributeBytes.reduce((sum, bytes) => sum + bytes, Buffer.byteLength(body));
}

/** The message, with a placeholder for a body that is too large. The caller must keep the body in S3 first. */
export function fitting(message: OutgoingMessage, job: string): OutgoingMessage {
  const attributes = { ...message.attributes, [ATTRIBUTE.job]: job };
  if (messageBytes({ ...message, attributes }) <= MAX_MESSAGE_BYTES) return { ...message, attributes };
  return { ...message, body: PLACEHOLDER, attributes };
}

/**
 * A dead job's DLQ entry. Each entry is its own message group, because a FIFO queue shows at most ten messages of one
 * group until those are deleted. The attributes say where the entry came from and why.
 */
export function parkedMessage(row: JobRow, body: string, type: 'fifo' | 'standard'): OutgoingMessage {
  const from = row.deliveries.findLast(({ messageId }) => messageId === row.parkedFrom) ?? row.deliveries.at(-1);
  const attributes: Record<string, string> = {
    reason: row.reason ?? 'error',
    code: row.error?.code ?? 'Unknown',
    message: row.error?.message ?? 'no outcome was recorded',
    attempts: String(row.attempts),
    messageId: row.parkedFrom ?? '',
    field: row.error?.field ?? '',
    group: row.group ?? '',
    sequence: from?.sequence ?? '',
    ...tokenOf(row),
  };
  const present = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== ''));
  const fifo = type === 'fifo' ? { groupId: row.id, deduplicationId: deduplicationId.parked(row) } : {};
  return fitting({ body, attributes: present, ...fifo }, row.id);
}

type InQueue = { row: JobRow; body: string; attributes?: Record<string, string>; secret?: string };

/**
 * The message that brings a job back into its queue. A large body must be kept in S3 first. `secret`: what no other
 * program knows, for a row without a random.
 */
export function backInQueue(
  { settings }: { settings: (queue: string) => Pick<QueueSettings, 'type'> },
  { row, body, attributes = {}, secret = row.id }: InQueue,
): OutgoingMessage {
  const fifo = settings(row.queue).type === 'fifo';
  const groupId = row.group === undefined || row.group === HIDDEN ? row.id : row.group;
  const identity = fifo ? { groupId, deduplicationId: deduplicationId.opened({ token: secret, ...row }) } : {};
  return fitting({ body, attributes: { ...attributes, ...tokenOf(row) }, ...identity }, row.id);
}

type MarkDeps = { ledger: Pick<Ledger, 'write'>; clock: Clock; log: Log };

/** Sends the message of an open job. If the caller dies before the mark, the reconciler sends it again without harm. */
export async function sendOpen(
  deps: MarkDeps &
    Parameters<typeof backInQueue>[0] & { queues: Pick<Queues, 'send'>; queueUrl: (queue: string) => string },
  row: JobRow,
  body: string,
): Promise<SentMessage> {
  const message = await deps.queues.send(deps.queueUrl(row.queue), backInQueue(deps, { row, body }));
  await markSent(deps, row, message);
  return message;
}

/** Marks a row as sent. Never rejects with a StoreError, because the message is sent and a claim needs no mark. */
export async function markSent(
  { ledger, clock, log }: MarkDeps,
  row: JobRow,
  { messageId, sequenceNumber: sequence }: SentMessage,
): Promise<void> {
  try {
    // If a worker has claimed the job, the table refuses this version.
    await ledger.write(sent(row, { at: clock.now(), messageId, sequence }), row.version);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn('could not mark the job as sent', { queue: row.queue, jobId: row.id, code: error.code });
  }
}
