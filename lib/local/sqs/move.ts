import type { StartMessageMoveTaskRequest } from '@aws-sdk/client-sqs';
import { SqsError } from './errors';
import { enqueue, findQueue, type Message, type Queue, receivable, remove, type Service, UNRECEIVED } from './queue';
import { remember } from './send';

/**
 * Moves a message to the DLQ as SQS does. The message keeps its id, group, attributes and reported receive count. In a
 * FIFO queue the message id becomes its deduplication id, and its time of sending and retention start again.
 */
export function moveToDeadLetterQueue(service: Service, message: Message, from: Queue, to: Queue): void {
  const { messageId, sentAt, receiveCount, firstReceivedAt } = message;
  move(
    service,
    message,
    { from, to },
    {
      ...{ receiveCount, firstReceivedAt, deadLetterSourceArn: from.arn },
      ...(to.fifo ? { deduplicationId: messageId } : { deduplicationId: undefined, sentAt }),
    },
  );
}

/**
 * Runs a message move task at once: it moves the visible messages of a DLQ to their sources, or to a given queue. As on
 * AWS, it ends before a message whose source it cannot determine, because a client sent it to the DLQ.
 */
export function moveMessages(service: Service, { SourceArn, DestinationArn }: StartMessageMoveTaskRequest): void {
  const from = resourceOf(service, SourceArn);
  const destination = DestinationArn === undefined ? undefined : resourceOf(service, DestinationArn);
  if (![...service.queues.values()].some(({ settings }) => settings.redrive?.targetArn === from.arn))
    throw new SqsError('InvalidParameterValue', 'Source queue must be configured as a Dead Letter Queue.');
  for (;;) {
    const message = receivable(from, service.now()).next().value;
    const to = destination ?? findQueue(service, message?.deadLetterSourceArn);
    if (!message || !to) return;
    // SQS makes a new message of it.
    move(service, message, { from, to }, { messageId: service.uuid() });
  }
}

function move(
  service: Service,
  message: Message,
  { from, to }: { from: Queue; to: Queue },
  changes: Partial<Message>,
): void {
  const now = service.now();
  remove(from, message);
  const { position: _position, group: _group, ...content } = message;
  remember(to, enqueue(service, to, { ...content, ...UNRECEIVED, sentAt: now, visibleAt: now, ...changes }), now);
  service.changed.add(from.name);
}

function resourceOf(service: Service, arn: string | undefined): Queue {
  const queue = findQueue(service, arn);
  if (queue) return queue;
  throw new SqsError('ResourceNotFoundException', "The resource that you specified for the ARN doesn't exist.");
}
