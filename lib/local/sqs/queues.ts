import type { CreateQueueRequest, GetQueueAttributesRequest } from '@aws-sdk/client-sqs';
import { checkRedrivePolicy } from './dead-letter';
import { invalidValue, SqsError } from './errors';
import { clear, counts, earliestExpiry, type Queue } from './queue';
import { getQueue, type Service } from './service';
import { ATTRIBUTE_NAMES, checkAttributes, defaultAttributes, normalised, settingsOf } from './settings';

const MINUTE_MS = 60_000;

export const urlOf = (service: Service, name: string): string =>
  `https://sqs.${service.region}.amazonaws.com/${service.account}/${name}`;

/** Creates the queue, or returns an existing one with the same attributes. */
export function createQueue(service: Service, { QueueName: name = '', Attributes = {} }: CreateQueueRequest): Queue {
  const given = normalised(Attributes as Record<string, string>);
  const fifo = given.FifoQueue === 'true';
  if (!/^[A-Za-z0-9_-]{1,80}$/.test(name.replace(/\.fifo$/, '')) || name.length > 80 || fifo !== name.endsWith('.fifo'))
    throw invalidValue(
      'QueueName',
      name,
      fifo
        ? 'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.'
        : 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
    );
  const existing = service.queues.get(name);
  if (existing) return sameQueue(existing, given);
  const now = service.now();
  if (now < (service.deletedAt.get(name) ?? -Infinity) + MINUTE_MS)
    throw new SqsError(
      'QueueDeletedRecently',
      'You must wait 60 seconds after deleting a queue before you can create another with the same name.',
    );
  checkAttributes(given, fifo);
  const attributes = { ...defaultAttributes(fifo), ...given };
  const settings = settingsOf(attributes, undefined);
  checkRedrivePolicy(service, { redrive: settings.redrive, text: given.RedrivePolicy, fifo });
  const queue: Queue = {
    name,
    arn: `arn:aws:sqs:${service.region}:${service.account}:${name}`,
    fifo,
    byAge: service.groupOrder === 'age',
    createdAt: now,
    modifiedAt: now,
    purgedAt: undefined,
    attributes,
    settings,
    groups: new Map(),
    order: [],
    byId: new Map(),
    attempts: new Map(),
    remembered: new Map(),
    nextExpiry: Infinity,
  };
  service.queues.set(name, queue);
  service.changed.add(name);
  return queue;
}

function sameQueue(queue: Queue, given: Record<string, string>): Queue {
  const other = Object.keys(given).find((name) => queue.attributes[name] !== given[name]);
  if (other === undefined) return queue;
  throw new SqsError(
    'QueueNameExists',
    `A queue already exists with the same name and a different value for attribute ${other}`,
  );
}

export function setQueueAttributes(service: Service, queue: Queue, attributesGiven: Record<string, string>): void {
  const given = normalised(attributesGiven);
  checkAttributes(given, queue.fifo);
  const attributes = Object.fromEntries(
    Object.entries({ ...queue.attributes, ...given }).filter(([, value]) => value !== ''),
  );
  const settings = settingsOf(attributes, queue.settings.deduplicationScope);
  checkRedrivePolicy(service, { redrive: settings.redrive, text: given.RedrivePolicy, fifo: queue.fifo });
  // A new delay of a FIFO queue also applies to messages in the queue. In a standard queue it applies only to later
  // sends.
  if (queue.fifo && given.DelaySeconds !== undefined)
    for (const message of queue.byId.values())
      if (message.receivesHere === 0) message.visibleAt = message.sentAt + settings.delayMs;
  Object.assign(queue, { attributes, settings, modifiedAt: service.now() });
  queue.nextExpiry = earliestExpiry(queue);
  service.changed.add(queue.name);
}

export function queueAttributes(
  service: Service,
  queue: Queue,
  names: GetQueueAttributesRequest['AttributeNames'] = [],
): Record<string, string> {
  const unknown = names.find((name) => name !== 'All' && !ATTRIBUTE_NAMES.includes(name));
  if (unknown !== undefined) throw new SqsError('InvalidAttributeName', `Unknown Attribute ${unknown}.`);
  const counted = (names as string[]).some((name) => name === 'All' || name.startsWith('Approximate'));
  const { visible, inFlight, delayed } = counted
    ? counts(queue, service.now())
    : { visible: 0, inFlight: 0, delayed: 0 };
  const values: Record<string, string> = {
    ...queue.attributes,
    QueueArn: queue.arn,
    CreatedTimestamp: String(Math.floor(queue.createdAt / 1000)),
    LastModifiedTimestamp: String(Math.floor(queue.modifiedAt / 1000)),
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
  };
  if ((names as string[]).includes('All')) return values;
  return Object.fromEntries(Object.entries(values).filter(([name]) => (names as string[]).includes(name)));
}

export function deleteQueue(service: Service, reference: string | undefined): void {
  const { name } = getQueue(service, reference);
  service.queues.delete(name);
  service.deletedAt.set(name, service.now());
  service.changed.add(name);
}

/** Also deletes the messages in flight and the remembered deduplication ids. */
export function purgeQueue(service: Service, queue: Queue): void {
  if (service.now() < (queue.purgedAt ?? -Infinity) + MINUTE_MS)
    throw new SqsError(
      'PurgeQueueInProgress',
      `Only one PurgeQueue operation on ${queue.name} is allowed every 60 seconds.`,
    );
  clear(queue);
  queue.purgedAt = service.now();
  service.changed.add(queue.name);
}
