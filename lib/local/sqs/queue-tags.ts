import type { ListQueueTagsResult } from '@aws-sdk/client-sqs';
import { SqsError } from './errors';
import type { Queue } from './queue';

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-tags.html */
const TAG_LIMIT = 50;

export function tagQueue(queue: Queue, tags: Record<string, string> = {}): void {
  const all = { ...queue.tags, ...tags };
  if (Object.keys(all).length > TAG_LIMIT)
    throw new SqsError('InvalidParameterValue', `Too many tags added for queue ${queue.name}.`);
  queue.tags = all;
}

export function untagQueue(queue: Queue, keys: string[] = []): void {
  queue.tags = Object.fromEntries(Object.entries(queue.tags).filter(([key]) => !keys.includes(key)));
}

/** AWS leaves out an empty map. */
export const tagsOf = ({ tags }: Queue): ListQueueTagsResult => (Object.keys(tags).length > 0 ? { Tags: tags } : {});
