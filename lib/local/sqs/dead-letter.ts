import { remember } from './deduplication';
import { invalidValue } from './errors';
import { type Message, type Queue, remove } from './queue';
import { enqueue, findQueue, type Service } from './service';
import type { QueueSettings } from './settings';

/** Throws unless the policy names a queue that is there and of the same type. */
export function checkRedrivePolicy(
  service: Service,
  { redrive, text, fifo }: { redrive: QueueSettings['redrive']; text: string | undefined; fifo: boolean },
): void {
  if (!redrive) return;
  const target = findQueue(service, redrive.targetArn);
  if (!target) throw invalidValue('RedrivePolicy', text, 'Dead letter target does not exist.');
  if (target.fifo !== fifo)
    throw invalidValue('RedrivePolicy', text, 'Dead-letter queue must be same type of queue as the source.');
}

/**
 * SQS's own move. The message keeps its id, group, attributes and the receive count that is reported; in a FIFO queue
 * its deduplication id becomes the message id and its time of sending, so its retention, starts again.
 */
export function moveToDeadLetterQueue(
  service: Service,
  { message, from, to }: { message: Message; from: Queue; to: Queue },
): void {
  const now = service.now();
  remove(from, message);
  const { position: _position, group: _group, ...content } = message;
  const moved = enqueue(service, to, {
    ...content,
    deduplicationId: to.fifo ? message.messageId : undefined,
    sentAt: to.fifo ? now : message.sentAt,
    visibleAt: now,
    receivedAt: undefined,
    receivesHere: 0,
    receiptHandle: undefined,
    deadLetterSourceArn: from.arn,
  });
  rememberMoved(to, moved, now);
  service.changed.add(from.name);
}

/** A move is never taken for a repeat, but a later send under its id is. */
export function rememberMoved(queue: Queue, message: Message, now: number): void {
  const { groupId, deduplicationId, messageId, sequenceNumber } = message;
  if (groupId === undefined || deduplicationId === undefined || sequenceNumber === undefined) return;
  remember(queue, { groupId, deduplicationId, messageId, sequenceNumber, now });
}
