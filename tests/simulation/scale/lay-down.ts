import type { Envelope } from '../../../lib/jobs/envelope';
import { bodyKey } from '../../../lib/jobs/keys';
import { parkedMessage } from '../../../lib/jobs/messages';
import type { JobRow } from '../../../lib/jobs/row';
import { rowOfEnvelope } from '../../../lib/jobs/row';
import { inState } from '../../support/in-state';
import type { Service } from './service';

export const jobId = (n: number): string => `0190a1b2-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

/** The message of the n-th job of a plan, accepted at `time` (ms since 1970). */
export const envelopeOf = (
  n: number,
  { type, time, data = {} }: { type: string; time: number; data?: unknown },
): Envelope => ({
  specversion: '1.0',
  id: jobId(n),
  type,
  source: '/scale/api',
  time: new Date(time).toISOString(),
  datacontenttype: 'application/json',
  data,
});

/** Stores a job that was held before the plan begins: its row and its body. `changes`: reason, retryAt, vendor, … */
export async function layHeld(
  { before, objects, prefix }: Service,
  { queue, envelope, group, now }: { queue: string; envelope: Envelope; group: string; now: number },
  changes: Partial<JobRow>,
): Promise<void> {
  const row = rowOfEnvelope({ queue, envelope, group, now });
  const held: JobRow = {
    ...row,
    state: inState('held'),
    holds: 1,
    spentMessageIds: [`message-${row.id}`],
    bodyKept: true,
    ...changes,
  };
  await objects.put(bodyKey(prefix, queue, row.id), JSON.stringify(envelope), 'application/json');
  await before.ledger.write(held, 0);
}

/** Stores a job that was parked before the plan begins: its row, its body and its DLQ entry. */
export async function layParked(
  { before, objects, prefix, sqs, dlq, settings }: Service,
  { queue, envelope, group, now }: { queue: string; envelope: Envelope; group: string; now: number },
): Promise<void> {
  const row = rowOfEnvelope({ queue, envelope, group, now });
  const parkedFrom = `message-${row.id}`;
  const error = { class: 'permanent' as const, code: 'Refused', message: 'refused permanently' };
  const end = { state: inState('dead'), reason: 'error' as const, endedAt: now, recordedAt: now, parkedAt: now };
  const dead: JobRow = {
    ...row,
    ...end,
    error,
    parkedFrom,
    spentMessageIds: [parkedFrom],
    bodyKept: true,
    attempts: 1,
  };
  const body = JSON.stringify(envelope);
  await objects.put(bodyKey(prefix, queue, row.id), body, 'application/json');
  await before.ledger.write(dead, 0);
  const { attributes = {}, groupId, deduplicationId } = parkedMessage(dead, body, settings.type);
  sqs.sendMessage({
    QueueUrl: dlq,
    MessageBody: body,
    MessageGroupId: groupId,
    MessageDeduplicationId: deduplicationId,
    MessageAttributes: Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [name, { DataType: 'String', StringValue: value }]),
    ),
  });
}

/** Sends a message that SQS dead-letters before a worker tries it. The queue must be empty. */
export function layUntried(
  { send, sqs, main, settings }: Service,
  { envelope, group }: { envelope: Envelope; group: string },
): void {
  send(envelope, group);
  for (let receive = 0; receive <= settings.receives; receive++)
    sqs.receiveMessage({ QueueUrl: main, VisibilityTimeout: 0 });
}
