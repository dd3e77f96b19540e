import type { QueueSettings } from '../config';
import type { OutgoingMessage } from '../ports';
import { deduplicationId } from './keys';
import type { JobRow } from './row';

/** SQS: body, attributes' names, types and values together (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html). */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

/** Attributes of our own messages. None holds personal data; whoever reads a DLQ reads these. */
export const ATTRIBUTE = {
  /** Job id, for a body that does not say it. */
  job: 'job',
  /** `kept`: the body lies in S3 under the job's name, the message's own is a stand-in. */
  body: 'body',
  /** How often the reconciler returned the message to its queue, after the first time only where it was tried before … */
  returned: 'returned',
  /** … and when it did so last, ms since 1970. */
  returnedAt: 'returnedAt',
} as const;

/** What a body is replaced by when it does not fit a message together with its attributes. */
export const STAND_IN = JSON.stringify({ body: 'kept' });

export function messageBytes({ body, attributes = {} }: Pick<OutgoingMessage, 'body' | 'attributes'>): number {
  const attributeBytes = Object.entries(attributes).map(
    ([name, value]) => Buffer.byteLength(name + value) + 'String'.length,
  );
  return attributeBytes.reduce((sum, bytes) => sum + bytes, Buffer.byteLength(body));
}

/** The body, or the stand-in for one that is too large beside its attributes; the body must be kept in S3 by then. */
export function fitting(message: OutgoingMessage, job: string): OutgoingMessage {
  const attributes = { ...message.attributes, [ATTRIBUTE.job]: job };
  if (messageBytes({ ...message, attributes }) <= MAX_MESSAGE_BYTES) return { ...message, attributes };
  return { ...message, body: STAND_IN, attributes: { ...attributes, [ATTRIBUTE.body]: 'kept' } };
}

/**
 * A dead job's entry in the DLQ. Its group is the job's own, since a FIFO queue shows at most ten messages of one
 * group until those are deleted; where it came from and why stands in the attributes.
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
  };
  const present = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== ''));
  const fifo =
    type === 'fifo'
      ? { groupId: row.id, deduplicationId: deduplicationId.parked(row.id, row.parkedFrom ?? row.writer) }
      : {};
  return fitting({ body, attributes: present, ...fifo }, row.id);
}

/** A job's message as it goes into its queue again; one with a stand-in needs its body in S3. */
export function backInQueue(
  { settings }: { settings: (queue: string) => Pick<QueueSettings, 'type'> },
  {
    row,
    body,
    attributes = {},
    deduplication,
  }: {
    row: Pick<JobRow, 'queue' | 'id' | 'group'>;
    body: string;
    attributes?: Record<string, string>;
    deduplication: string;
  },
): OutgoingMessage {
  const fifo = settings(row.queue).type === 'fifo';
  return fitting(
    { body, attributes, ...(fifo ? { groupId: row.group ?? row.id, deduplicationId: deduplication } : {}) },
    row.id,
  );
}
