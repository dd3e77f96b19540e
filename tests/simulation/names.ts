import { dlqName, queueName, queueUrl } from '../../lib/jobs/keys';
import type { World } from './world';

export const REGION = 'us-east-1';
export const ACCOUNT = '000000000000';
export const INSTANCE = 'sim';

type Named = Pick<World, 'plan' | 'settings'>;

export const mainQueue = ({ plan, settings }: Named): string => queueName(INSTANCE, plan.queue, settings.type);
export const deadLetterQueue = ({ plan, settings }: Named): string => dlqName(INSTANCE, plan.queue, settings.type);
export const urlOf = (name: string): string => queueUrl(REGION, ACCOUNT, name);

/** Whether a key of the bucket is that of a job's record; the service keeps other things under other folders. */
export const isRecord = (key: string): boolean => /^jobs\/[^_/][^/]*\/year=.*\.json$/.test(key);
