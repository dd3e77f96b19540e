import { dlqName, queueName, queueUrl } from '../../../lib/jobs/keys';
import type { World } from './world';

export const REGION = 'us-east-1';
export const ACCOUNT = '000000000000';
export const INSTANCE = 'sim';

type Named = Pick<World, 'queue' | 'settings'>;

/** The service's name of the queue under test. */
export const serviceQueue = ({ queue }: Pick<World, 'queue'>): string => queue.queue ?? queue.name;

/** The lane of a queue, by the service's name of it. */
export const laneOf = ({ lanes }: World, name: string): World =>
  lanes.find((lane) => serviceQueue(lane) === name) as World;

export const mainQueue = ({ queue, settings }: Named): string =>
  queueName(INSTANCE, serviceQueue({ queue }), settings.type);
export const deadLetterQueue = ({ queue, settings }: Named): string =>
  dlqName(INSTANCE, serviceQueue({ queue }), settings.type);
export const urlOf = (name: string): string => queueUrl(REGION, ACCOUNT, name);

/** Whether a key of the bucket is that of a job's record; the service keeps other things under other folders. */
export const isRecord = (key: string): boolean => /^jobs\/[^_/][^/]*\/year=.*\.json$/.test(key);
