import type { QueueSettings } from '../config/common';
import type { OutgoingMessage } from '../ports';
import { STAND_IN } from './body';
import { HIDDEN } from './envelope';
import { deduplicationId } from './keys';
import type { JobRow } from './row';

/** Whether the end of a job has an entry in the DLQ. The message of an expired job is gone. */
export const needsEntry = ({ state, reason }: Pick<JobRow, 'state' | 'reason'>): boolean =>
  state === 'dead' && reason !== 'expired';

/** Whether the entry was neither discarded nor found expired. It may still have to be sent. */
export const keepsEntry = (row: Pick<JobRow, 'state' | 'reason' | 'leftDlqAt'>): boolean =>
  needsEntry(row) && row.leftDlqAt === undefined;

/** Whether the entry was sent and is in the DLQ at the time `now`. */
export const hasEntry = (
  { settings }: { settings: (queue: string) => Pick<QueueSettings, 'dlqRetention'> },
  row: JobRow,
  now: number,
): boolean => keepsEntry(row) && (row.parkedAt ?? 0) > now - settings(row.queue).dlqRetention * 1000;

/**
 * SQS counts the body and the attributes' names, types and values
 * (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html).
 */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

/** Attributes of our own messages. None may hold personal data, because everyone who reads a DLQ sees them. */
export const ATTRIBUTE = {
  /** The job id, for a body without one. */
  job: 'job',
  /** The random of the job's row, which only our own messages carry (lib/jobs/permission.ts). */
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

/** The message, with a stand-in for a body that is too large. The caller must keep the body in S3 first. */
export function fitting(message: OutgoingMessage, job: string): OutgoingMessage {
  const attributes = { ...message.attributes, [ATTRIBUTE.job]: job };
  if (messageBytes({ ...message, attributes }) <= MAX_MESSAGE_BYTES) return { ...message, attributes };
  return { ...message, body: STAND_IN, attributes };
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
    ...(row.error?.field ? { field: row.error.field } : {}),
    ...(row.group ? { group: row.group } : {}),
    ...(from?.sequence ? { sequence: from.sequence } : {}),
    ...tokenOf(row),
  };
  const present = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== ''));
  const fifo = type === 'fifo' ? { groupId: row.id, deduplicationId: deduplicationId.parked(row) } : {};
  return fitting({ body, attributes: present, ...fifo }, row.id);
}

/**
 * The message that brings a job back into its queue. A large body must be kept in S3 first. `secret`: what no other
 * sender knows, for a row without a random.
 */
export function backInQueue(
  { settings }: { settings: (queue: string) => Pick<QueueSettings, 'type'> },
  {
    row,
    body,
    attributes = {},
    secret = row.id,
  }: { row: JobRow; body: string; attributes?: Record<string, string>; secret?: string },
): OutgoingMessage {
  const fifo = settings(row.queue).type === 'fifo';
  const groupId = row.group === undefined || row.group === HIDDEN ? row.id : row.group;
  const identity = fifo ? { groupId, deduplicationId: deduplicationId.opened({ token: secret, ...row }) } : {};
  return fitting({ body, attributes: { ...attributes, ...tokenOf(row) }, ...identity }, row.id);
}
