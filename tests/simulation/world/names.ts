import { sha256 } from '../../../lib/engine/jobs/envelope';
import { dlqName, queueName, queueUrl } from '../../../lib/engine/jobs/keys';
import { jobId } from '../../../lib/engine/submit/options';
import { ACCOUNT, REGION } from '../../../packages/local/loopback';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import type { World } from './types';

export const INSTANCE = 'sim';

type Named = Pick<World, 'queue' | 'settings'>;

export const serviceQueue = ({ queue }: Pick<World, 'queue'>): string => queue.queue ?? queue.name;

export const laneOf = ({ lanes }: World, name: string): World =>
  lanes.find((lane) => serviceQueue(lane) === name) as World;

export const mainQueue = ({ queue, settings }: Named): string =>
  queueName(INSTANCE, serviceQueue({ queue }), settings.type);
export const deadLetterQueue = ({ queue, settings }: Named): string =>
  dlqName(INSTANCE, serviceQueue({ queue }), settings.type);
export const urlOf = (name: string): string => queueUrl(REGION, ACCOUNT, name);

/** The id of the plan's job of this number, which follows from its caller's key. */
export const idOf = (world: World, index: number): string =>
  jobId({ queue: serviceQueue(world), key: `key-${index}`, clock: memoryClock(), random: memoryRandom() });

/** The guard's limits, for lists of a few dozen recipients. */
export const GUARD = { bounces: 30, reports: 20, refused: 60, least: 6, leastReports: 2, first: 6, wait: 90 };

/** The messages in a queue, with their attributes as texts. */
export const messagesIn = ({ sqs }: Pick<World, 'sqs'>, name: string) =>
  sqs.messages(name).map(({ messageId, body, attributes, deadLetterSourceArn }) => {
    const texts = Object.entries(attributes).map(([key, { StringValue = '' }]) => [key, StringValue] as const);
    const named: Partial<Record<string, string>> = Object.fromEntries(texts);
    return { messageId, body, attributes: named, moved: deadLetterSourceArn !== undefined };
  });
export type Message = ReturnType<typeof messagesIn>[number];

export const entriesOf = (world: World): Message[] => messagesIn(world, deadLetterQueue(world));

/** What looks like a random UUID. `of`: who has it. Each queue needs ids of its own, because effects are counted by them. */
export const uuidOf = (of: string, index: number): string =>
  `${sha256(of).slice(0, 8)}-0000-4000-8000-${String(index).padStart(12, '0')}`;
