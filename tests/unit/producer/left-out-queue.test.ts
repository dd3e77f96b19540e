import { InvalidJobError } from '../../../lib/engine/submit/errors';
import { ConfigError } from '../../../lib/platform/config/common';
import type { Producer } from '../../../packages/producer/client';
import { connectionConfig, queueIn, realProducer } from '../../../packages/producer/real-producer';
import { feedbackSettings, memoryProducerDeps } from '../../support/producer';

const upload = { principal: 'client-1', name: 'screen.png', contentType: 'image/png' };
const campaign = { from: { email: 'a@example.com' }, subject: 'Hello', text: 'It works', transactional: true };
const owned = { key: 'spring', principal: 'client-1' };
const invite = { app: '1000000001', email: 'a@example.com', groups: ['00000000-0000-4000-8000-0000000000a1'] };
const event = () => ({ id: 'event-1', name: 'opened', time: new Date().toISOString() });

const body = 'x'.repeat(500 * 1024);
const large = {
  from: { email: 'a@example.com' },
  to: { email: 'b@example.com' },
  subject: 'Hello',
  text: body,
  html: body,
};

/** A producer of an instance with these queues. */
const instanceWith = (queues: string[]) =>
  memoryProducerDeps({ settings: queueIn(Object.fromEntries(queues.map((queue) => [queue, feedbackSettings]))) });

test.each<[string, string[], (producer: Producer) => Promise<unknown>]>([
  ['testflight', ['feedback', 'emails'], ({ invite: send }) => send(invite)],
  ['analytics', ['feedback', 'emails'], ({ track }) => track(event())],
  // Large data goes into the bucket before the row.
  ['emails', ['feedback', 'analytics'], ({ email }) => email(large)],
  ['feedback', ['emails', 'analytics'], ({ attachments }) => attachments.upload(upload)],
  ['emails', ['feedback', 'analytics'], (producer) => producer.campaign(campaign, [{ email: 'b@example.com' }], owned)],
])('without the queue %s, its work is refused, and nothing is stored or sent', async (queue, queues, send) => {
  const { producer, table, objects, messages } = instanceWith(queues);

  await expect(send(producer)).rejects.toMatchObject({
    constructor: InvalidJobError,
    message: `queue: the instance has no queue ${queue}, only ${queues.join(', ')}`,
    problems: [{ field: 'queue' }],
  });
  expect([table.writes(), objects.keys(), messages()]).toEqual([0, [], []]);
});

const where = { instance: 'my-api', region: 'us-east-1' };

test.each([
  [null, 'the options must be an object'],
  [{ region: '', settings: 'planted' }, 'region (AWS_REGION): must be a region of AWS, e.g. eu-central-1; settings'],
  [{ analytics: { shards: 0 } }, 'analytics.shards: must be a whole number from 1'],
  [{ analytics: { maxEvents: Number.NaN } }, 'analytics.maxEvents: must be a whole number from 1'],
  [{ analytics: { maxAgeMs: 0 } }, 'analytics.maxAgeMs: must be a whole number from 1'],
  [{ analytics: { maxAgeMs: 300_001 } }, 'analytics.maxAgeMs: must be at most 300000'],
  [{ analytics: { maxBytes: '1' } }, 'analytics.maxBytes: must be a whole number from 1'],
  [{ analytics: { maxEvent: 1 } }, 'analytics.maxEvent: must be left out, because there is no such field'],
  [{ endpoints: { sqz: 'http://127.0.0.1:1' } }, 'endpoints.sqz: must be left out, because there is no such field'],
  [{ instnace: 'other' }, 'instnace: must be left out, because there is no such field'],
])('the wrong options %j are named', (options, problem) => {
  const make = () => realProducer((options && { ...where, ...options }) as never);

  expect(make).toThrow(ConfigError);
  expect(make).toThrow(`producer: ${problem}`);
});

test('options of analytics that are undefined are the defaults', () => {
  const { analytics } = connectionConfig({ ...where, analytics: { shards: undefined, maxEvents: 7 } as never }, {});

  expect(analytics).toEqual({ shards: 8, maxEvents: 7, maxBytes: 921_600, maxAgeMs: 15_000 });
});

test('settings in the environment that are no JSON are wrong settings, not missing ones', () => {
  const problem = 'settings (JOBS_SETTINGS): must be an object, is a';

  for (const JOBS_SETTINGS of ['{"table":', 'null'])
    expect(() => connectionConfig(where, { JOBS_SETTINGS })).toThrow(problem);
});
