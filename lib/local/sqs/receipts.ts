import { invalidValue, SqsError } from './errors';
import { type Message, moveBack, type Queue, remove } from './queue';
import { nextPosition, type Service } from './service';

const MAX_VISIBILITY_MS = 43_200_000;

/** A receipt handle identifies one delivery of one message in one queue. */
export const issueReceipt = (queue: Queue, message: Message, nonce: string): string =>
  Buffer.from(`${queue.name} ${message.messageId} ${nonce}`).toString('base64');

/** The message of the handle; `undefined` if it was deleted. */
function messageOf(queue: Queue, handle: string | undefined): Message | undefined {
  const [name, messageId, nonce] = Buffer.from(handle ?? '', 'base64')
    .toString()
    .split(' ');
  if (name !== queue.name || !messageId || !nonce)
    throw new SqsError('ReceiptHandleIsInvalid', `The input receipt handle "${handle}" is not a valid receipt handle.`);
  return queue.byId.get(messageId);
}

const expired = (handle: string | undefined): SqsError =>
  invalidValue('ReceiptHandle', handle, 'The receipt handle has expired.');

/**
 * Deletes a message. Deleting it twice is no error. A FIFO queue refuses a handle after the visibility timeout, and one
 * of an earlier delivery. A standard queue takes any handle of the message, as AWS was seen to do.
 */
export function deleteByReceipt(service: Service, queue: Queue, handle: string | undefined): void {
  const message = messageOf(queue, handle);
  if (!message) return;
  if (hasExpired(service, queue, message, handle)) throw expired(handle);
  remove(queue, message);
  service.changed.add(queue.name);
}

function hasExpired(service: Service, queue: Queue, message: Message, handle: string | undefined): boolean {
  return queue.fifo && (message.receiptHandle !== handle || message.visibleAt <= service.now());
}

/**
 * Makes a message invisible for `seconds` from now; 0 makes it receivable at once. SQS limits a delivery to twelve
 * hours. The same handles are valid as for a delete.
 */
export function changeVisibility(
  service: Service,
  queue: Queue,
  { handle, seconds }: { handle: string | undefined; seconds: number | undefined },
): void {
  if (seconds === undefined || seconds < 0 || seconds > 43_200)
    throw invalidValue('VisibilityTimeout', seconds, 'Must be >= 0 and <= 43200, if provided.');
  const message = messageOf(queue, handle);
  const now = service.now();
  if (message && hasExpired(service, queue, message, handle)) throw expired(handle);
  if (message?.receivedAt === undefined)
    throw invalidValue(
      'ReceiptHandle',
      handle,
      'Message does not exist or is not available for visibility timeout change.',
    );
  if (now - message.receivedAt + seconds * 1000 > MAX_VISIBILITY_MS)
    throw invalidValue(
      'VisibilityTimeout',
      seconds,
      'Total VisibilityTimeout for the message is beyond the limit [43200 seconds]',
    );
  message.visibleAt = now + seconds * 1000;
  moveBack(queue, message.group, nextPosition(service));
  service.changed.add(queue.name);
}
