import { remember } from './deduplication';
import { invalidValue } from './errors';
import { type Message, type Queue, remove } from './queue';
import { enqueue, findQueue, type Service } from './service';
import type { QueueSettings } from './settings';

/** Throws unless the policy names an existing queue of the same type. */
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
 * Moves a message to the DLQ as SQS does. The message keeps its id, group, attributes and reported receive count. In a
 * FIFO queue the message id becomes its deduplication id, and its time of sending and retention start again.
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

/** SQS never treats a move as a repeat, but a later send under the same id is one. */
export function rememberMoved(queue: Queue, message: Message, now: number): void {
  const { groupId, deduplicationId, messageId, sequenceNumber } = message;
  if (groupId === undefined || deduplicationId === undefined || sequenceNumber === undefined) return;
  remember(queue, { groupId, deduplicationId, messageId, sequenceNumber, now });
}
