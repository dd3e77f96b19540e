import * as z from 'zod';
import { invalidValue, SqsError } from './errors';

/** The attributes of a queue, parsed. */
export interface QueueSettings {
  visibilityMs: number;
  retentionMs: number;
  delayMs: number;
  waitMs: number;
  maximumBytes: number;
  contentBasedDeduplication: boolean;
  /** The scope at creation. SQS stores a later change but does not apply it. */
  deduplicationScope: string;
  redrive: { targetArn: string; maxReceiveCount: number } | undefined;
  /** Whether a queue may use this one as its DLQ. */
  allowsSource: (arn: string) => boolean;
}

/**
 * Lowest, highest and default value.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
 */
const NUMBERS: Record<string, [number, number, number]> = {
  VisibilityTimeout: [0, 43_200, 30],
  MessageRetentionPeriod: [60, 1_209_600, 345_600],
  DelaySeconds: [0, 900, 0],
  MaximumMessageSize: [1024, 1_048_576, 1_048_576],
  ReceiveMessageWaitTimeSeconds: [0, 20, 0],
};

/** Attributes that hold JSON. */
const DOCUMENTS = ['Policy', 'RedriveAllowPolicy', 'RedrivePolicy'];
/** The model stores and returns these attributes but does not apply them. */
const INERT = ['KmsMasterKeyId', 'KmsDataKeyReusePeriodSeconds', 'SqsManagedSseEnabled'];

const FIFO_CHOICES: Record<string, string[]> = {
  FifoQueue: ['true'],
  ContentBasedDeduplication: ['false', 'true'],
  DeduplicationScope: ['queue', 'messageGroup'],
  FifoThroughputLimit: ['perQueue', 'perMessageGroupId'],
};

/** Every attribute that a request may name. */
export const ATTRIBUTE_NAMES = [
  ...Object.keys(NUMBERS),
  ...Object.keys(FIFO_CHOICES),
  ...INERT,
  'RedrivePolicy',
  'QueueArn',
  'CreatedTimestamp',
  'LastModifiedTimestamp',
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
];

export function defaultAttributes(fifo: boolean): Record<string, string> {
  const numbers = Object.entries(NUMBERS).map(([name, [, , value]]) => [name, String(value)]);
  const choices = Object.entries(FIFO_CHOICES).map(([name, [value]]) => [name, String(value)]);
  return { ...Object.fromEntries([...numbers, ...(fifo ? choices : [])]), SqsManagedSseEnabled: 'true' };
}

/** As AWS stores them: `true` and `false` in small letters, and maxReceiveCount as a number. */
export function normalised(given: Record<string, string>): Record<string, string> {
  const small = (value: string) => (/^(true|false)$/i.test(value) ? value.toLowerCase() : value);
  const attributes = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, small(value)]));
  const redrive = parseRedrivePolicy(attributes.RedrivePolicy);
  if (!redrive) return attributes;
  const { targetArn: deadLetterTargetArn, maxReceiveCount } = redrive;
  return { ...attributes, RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }) };
}

const badAttribute = (name: string, reason = ''): SqsError =>
  new SqsError('InvalidAttributeValue', `Invalid value for the parameter ${name}.${reason && ` Reason: ${reason}`}`);

/** Throws for a name or value that SQS refuses. `checkRedrivePolicy` checks what the RedrivePolicy names. */
export function checkAttributes(given: Record<string, string>, fifo: boolean): void {
  for (const [name, value] of Object.entries(given)) {
    const range = NUMBERS[name];
    const choices = FIFO_CHOICES[name];
    if (range) {
      const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
      if (!(number >= range[0] && number <= range[1])) throw badAttribute(name);
    } else if (choices) {
      if (!fifo) throw new SqsError('InvalidAttributeName', `Unknown Attribute ${name}.`);
      if (!choices.includes(value))
        throw badAttribute(name, name === 'FifoQueue' ? 'Modifying queue type is not supported.' : '');
    } else if (DOCUMENTS.includes(name)) {
      if (value !== '' && !isJsonObject(value)) throw badAttribute(name);
    } else if (!INERT.includes(name)) {
      throw new SqsError('InvalidAttributeName', `Unknown Attribute ${name}.`);
    }
  }
}

function isJsonObject(text: string): boolean {
  try {
    return z.record(z.string(), z.unknown()).safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html */
const redriveAllowPolicy = z.discriminatedUnion('redrivePermission', [
  z.strictObject({ redrivePermission: z.enum(['allowAll', 'denyAll']) }),
  z.strictObject({ redrivePermission: z.literal('byQueue'), sourceQueueArns: z.array(z.string()).min(1).max(10) }),
]);

function parseRedriveAllowPolicy(text: string | undefined): QueueSettings['allowsSource'] {
  if (!text) return () => true;
  const { success, data } = redriveAllowPolicy.safeParse(JSON.parse(text));
  if (!success) throw badAttribute('RedriveAllowPolicy');
  if (data.redrivePermission === 'byQueue') return (arn) => data.sourceQueueArns.includes(arn);
  return () => data.redrivePermission === 'allowAll';
}

const redrivePolicy = z.object({
  deadLetterTargetArn: z.string(),
  // Consoles and older templates write the number as a string. SQS takes both.
  maxReceiveCount: z.coerce.number().int().min(1).max(1000),
});

function parseRedrivePolicy(text: string | undefined): QueueSettings['redrive'] {
  if (!text) return undefined;
  try {
    const { deadLetterTargetArn, maxReceiveCount } = redrivePolicy.parse(JSON.parse(text));
    return { targetArn: deadLetterTargetArn, maxReceiveCount };
  } catch {
    throw invalidValue('RedrivePolicy', text, 'Redrive policy is not a valid JSON map.');
  }
}

export function settingsOf(attributes: Record<string, string>, deduplicationScope: string | undefined): QueueSettings {
  const number = (name: string) => Number(attributes[name]);
  return {
    visibilityMs: number('VisibilityTimeout') * 1000,
    retentionMs: number('MessageRetentionPeriod') * 1000,
    delayMs: number('DelaySeconds') * 1000,
    waitMs: number('ReceiveMessageWaitTimeSeconds') * 1000,
    maximumBytes: number('MaximumMessageSize'),
    contentBasedDeduplication: attributes.ContentBasedDeduplication === 'true',
    deduplicationScope: deduplicationScope ?? attributes.DeduplicationScope ?? 'queue',
    redrive: parseRedrivePolicy(attributes.RedrivePolicy),
    allowsSource: parseRedriveAllowPolicy(attributes.RedriveAllowPolicy),
  };
}
