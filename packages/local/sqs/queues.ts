import type { GetQueueAttributesRequest } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { json } from '../../../lib/config/common';
import {
  counts,
  earliestExpiry,
  findQueue,
  invalidValue,
  type Queue,
  type QueueSettings,
  type Service,
  SqsError,
} from './queue';

export const urlOf = (service: Service, name: string): string =>
  `https://sqs.${service.region}.amazonaws.com/${service.account}/${name}`;

const secondsBetween = (least: number, most: number) => z.coerce.number().int().min(least).max(most);

/**
 * The attributes of a queue that the model knows. It refuses others, because it would not do what they say.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
 */
const attributesSchema = z.strictObject({
  FifoQueue: z.literal('true').optional(),
  ContentBasedDeduplication: z.literal('false').optional(),
  DeduplicationScope: z.enum(['queue', 'messageGroup']).optional(),
  FifoThroughputLimit: z.enum(['perQueue', 'perMessageGroupId']).optional(),
  VisibilityTimeout: secondsBetween(0, 43_200),
  MessageRetentionPeriod: secondsBetween(60, 1_209_600),
  SqsManagedSseEnabled: z.string().optional(),
  KmsMasterKeyId: z.string().optional(),
  RedrivePolicy: json(
    // Consoles and older templates write the number as a string. SQS takes both.
    z.object({ deadLetterTargetArn: z.string(), maxReceiveCount: z.coerce.number().int().min(1).max(1000) }),
  ).optional(),
  RedriveAllowPolicy: json(
    z.strictObject({ redrivePermission: z.literal('byQueue'), sourceQueueArns: z.array(z.string()).min(1).max(10) }),
  ).optional(),
});

const DEFAULTS = { VisibilityTimeout: '30', MessageRetentionPeriod: '345600' };

function settingsOf(attributes: Record<string, string>): QueueSettings {
  const { success, data, error } = attributesSchema.safeParse(attributes);
  if (!success) throw new SqsError('InvalidAttributeValue', `Invalid attributes. ${z.prettifyError(error)}`);
  const { RedrivePolicy: redrive } = data;
  return {
    visibilityMs: data.VisibilityTimeout * 1000,
    retentionMs: data.MessageRetentionPeriod * 1000,
    deduplicatesInGroup: data.DeduplicationScope === 'messageGroup',
    redrive: redrive && { targetArn: redrive.deadLetterTargetArn, maxReceiveCount: redrive.maxReceiveCount },
    sources: data.RedriveAllowPolicy?.sourceQueueArns,
  };
}

/** Creates the queue, or returns an existing one with the same attributes. */
export function createQueue(service: Service, name: string, given: Record<string, string>): Queue {
  const fifo = given.FifoQueue === 'true';
  if (!/^[A-Za-z0-9_-]{1,80}(\.fifo)?$/.test(name) || name.length > 80 || fifo !== name.endsWith('.fifo'))
    throw invalidValue('QueueName', name, `It is not the name of a ${fifo ? 'FIFO' : 'standard'} queue.`);
  const existing = service.queues.get(name);
  if (existing && Object.keys(given).some((each) => existing.attributes[each] !== given[each]))
    throw new SqsError('QueueNameExists', 'A queue already exists with the same name and other attributes.');
  if (existing) return existing;
  const attributes = { ...DEFAULTS, ...given };
  const queue: Queue = {
    name,
    arn: `arn:aws:sqs:${service.region}:${service.account}:${name}`,
    fifo,
    byAge: service.groupOrder === 'age',
    attributes,
    settings: settingsOf(attributes),
    groups: new Map(),
    byId: new Map(),
    remembered: new Map(),
    nextExpiry: Infinity,
  };
  checkRedrivePolicy(service, queue, queue.settings);
  service.queues.set(name, queue);
  service.changed.add(name);
  return queue;
}

export function setQueueAttributes(service: Service, queue: Queue, given: Record<string, string>): void {
  const attributes = { ...queue.attributes, ...given };
  // SQS stores a later change of the scope but does not apply it.
  const settings = { ...settingsOf(attributes), deduplicatesInGroup: queue.settings.deduplicatesInGroup };
  checkRedrivePolicy(service, queue, settings);
  Object.assign(queue, { attributes, settings });
  queue.nextExpiry = earliestExpiry(queue);
  service.changed.add(queue.name);
}

/** Throws unless the policy names another queue of the same type, which allows this one as its source. */
function checkRedrivePolicy(service: Service, { arn, fifo }: Queue, { redrive }: QueueSettings): void {
  if (!redrive) return;
  const target = findQueue(service, redrive.targetArn);
  const refuse = (reason: string) => invalidValue('RedrivePolicy', redrive.targetArn, reason);
  if (!target) throw refuse('Dead letter target does not exist.');
  if (target.fifo !== fifo) throw refuse('Dead-letter queue must be same type of queue as the source.');
  if (target.arn === arn) throw refuse('A queue cannot be its own dead-letter queue.');
  if (target.settings.sources?.includes(arn) === false)
    throw refuse('The dead-letter queue does not allow this source queue.');
}

export function queueAttributes(
  service: Service,
  queue: Queue,
  names: GetQueueAttributesRequest['AttributeNames'] = [],
): Record<string, string> {
  const asked = new Set<string>(names);
  // Counting is slow in a long queue, and few callers ask for it.
  const counted = names.some((name) => name === 'All' || name.startsWith('Approximate'));
  const { visible, inFlight } = counted ? counts(queue, service.now()) : { visible: 0, inFlight: 0 };
  const values: Record<string, string> = {
    ...queue.attributes,
    QueueArn: queue.arn,
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: '0',
  };
  return Object.fromEntries(Object.entries(values).filter(([name]) => asked.has('All') || asked.has(name)));
}
