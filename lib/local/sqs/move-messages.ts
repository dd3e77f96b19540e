import type { StartMessageMoveTaskRequest } from '@aws-sdk/client-sqs';
import { invalidValue, SqsError } from './errors';
import { enqueue, findQueue, type Queue, remove, type Service, UNRECEIVED } from './queue';
import { receivable } from './receive';
import { remember } from './send';

/**
 * Runs a message move task at once: it moves the visible messages of a DLQ to their sources, or to a given queue. As on
 * AWS, it ends before a message whose source it cannot determine, because a client sent it to the DLQ.
 */
export function moveMessages(service: Service, { SourceArn, DestinationArn }: StartMessageMoveTaskRequest): void {
  const source = resourceOf(service, 'SourceArn', SourceArn);
  const destination = DestinationArn === undefined ? undefined : resourceOf(service, 'DestinationArn', DestinationArn);
  if (![...service.queues.values()].some(({ settings }) => settings.redrive?.targetArn === source.arn))
    throw new SqsError('InvalidParameterValue', 'Source queue must be configured as a Dead Letter Queue.');
  if (destination && (destination === source || destination.fifo !== source.fifo))
    throw invalidValue('DestinationArn', destination.arn, 'Must be another queue of the same type as the source.');
  const now = service.now();
  for (;;) {
    const message = receivable(source, now).next().value;
    const to = destination ?? findQueue(service, message?.deadLetterSourceArn);
    if (!message || !to) return;
    remove(source, message);
    const { position: _position, group: _group, ...content } = message;
    // SQS makes a new message of it.
    const fresh = { ...UNRECEIVED, messageId: service.uuid(), sentAt: now, visibleAt: now };
    remember(to, enqueue(service, to, { ...content, ...fresh }), now);
    service.changed.add(source.name);
  }
}

function resourceOf(service: Service, parameter: string, arn: string | undefined): Queue {
  const queue = findQueue(service, arn);
  if (queue) return queue;
  const message = `The resource that you specified for the ${parameter} parameter doesn't exist.`;
  throw new SqsError('ResourceNotFoundException', message);
}
