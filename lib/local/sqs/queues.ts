import type { CreateQueueRequest, GetQueueAttributesRequest } from '@aws-sdk/client-sqs';
import { invalidValue, SqsError } from './errors';
import { counts, earliestExpiry, findQueue, type Queue, type Service } from './queue';
import { ATTRIBUTE_NAMES, checkAttributes, defaultAttributes, normalised, settingsOf } from './settings';

export const urlOf = (service: Service, name: string): string =>
  `https://sqs.${service.region}.amazonaws.com/${service.account}/${name}`;

/** Creates the queue, or returns an existing one with the same attributes. */
export function createQueue(service: Service, { QueueName: name = '', Attributes = {} }: CreateQueueRequest): Queue {
  const given = normalised(Attributes as Record<string, string>);
  const fifo = given.FifoQueue === 'true';
  if (!/^[A-Za-z0-9_-]{1,80}(\.fifo)?$/.test(name) || name.length > 80 || fifo !== name.endsWith('.fifo'))
    throw invalidValue(
      'QueueName',
      name,
      `The name of a ${fifo ? 'FIFO' : 'standard'} queue can only include alphanumeric characters, hyphens, or underscores, must ${fifo ? '' : 'not '}end with .fifo suffix and be 1 to 80 in length.`,
    );
  const existing = service.queues.get(name);
  const other = existing && Object.keys(given).find((each) => existing.attributes[each] !== given[each]);
  if (other !== undefined)
    throw new SqsError(
      'QueueNameExists',
      `A queue already exists with the same name and a different value for attribute ${other}`,
    );
  if (existing) return existing;
  checkAttributes(given, fifo);
  const attributes = { ...defaultAttributes(fifo), ...given };
  const queue: Queue = {
    name,
    arn: `arn:aws:sqs:${service.region}:${service.account}:${name}`,
    fifo,
    byAge: service.groupOrder === 'age',
    createdAt: service.now(),
    modifiedAt: service.now(),
    attributes,
    settings: settingsOf(attributes, undefined),
    groups: new Map(),
    order: [],
    byId: new Map(),
    remembered: new Map(),
    nextExpiry: Infinity,
  };
  checkRedrivePolicy(service, queue);
  service.queues.set(name, queue);
  service.changed.add(name);
  return queue;
}

export function setQueueAttributes(service: Service, queue: Queue, attributesGiven: Record<string, string>): void {
  const given = normalised(attributesGiven);
  checkAttributes(given, queue.fifo);
  const attributes = Object.fromEntries(
    Object.entries({ ...queue.attributes, ...given }).filter(([, value]) => value !== ''),
  );
  const settings = settingsOf(attributes, queue.settings.deduplicationScope);
  checkRedrivePolicy(service, { arn: queue.arn, fifo: queue.fifo, attributes, settings });
  // A new delay of a FIFO queue also applies to messages in the queue. In a standard queue it applies only to later
  // sends.
  if (queue.fifo && given.DelaySeconds !== undefined)
    for (const message of queue.byId.values())
      if (message.receivesHere === 0) message.visibleAt = message.sentAt + settings.delayMs;
  Object.assign(queue, { attributes, settings, modifiedAt: service.now() });
  queue.nextExpiry = earliestExpiry(queue);
  service.changed.add(queue.name);
}

/** Throws unless the policy names another queue of the same type, which allows this one as its source. */
function checkRedrivePolicy(
  service: Service,
  { arn, fifo, attributes, settings }: Pick<Queue, 'arn' | 'fifo' | 'attributes' | 'settings'>,
): void {
  const { redrive } = settings;
  if (!redrive) return;
  const target = findQueue(service, redrive.targetArn);
  const refuse = (reason: string) => invalidValue('RedrivePolicy', attributes.RedrivePolicy, reason);
  if (!target) throw refuse('Dead letter target does not exist.');
  if (target.fifo !== fifo) throw refuse('Dead-letter queue must be same type of queue as the source.');
  if (target.arn === arn) throw refuse('A queue cannot be its own dead-letter queue.');
  if (!target.settings.allowsSource(arn)) throw refuse('The dead-letter queue does not allow this source queue.');
}

export function queueAttributes(
  service: Service,
  queue: Queue,
  names: GetQueueAttributesRequest['AttributeNames'] = [],
): Record<string, string> {
  const asked = new Set<string>(names);
  const unknown = names.find((name) => name !== 'All' && !ATTRIBUTE_NAMES.includes(name));
  if (unknown !== undefined) throw new SqsError('InvalidAttributeName', `Unknown Attribute ${unknown}.`);
  // Counting is slow in a long queue, and few callers ask for it.
  const counted = names.some((name) => name === 'All' || name.startsWith('Approximate'));
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
  return Object.fromEntries(Object.entries(values).filter(([name]) => asked.has('All') || asked.has(name)));
}
