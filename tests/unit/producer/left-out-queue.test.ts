import { InvalidJobError } from '../../../lib/submit/errors';
import { prepareUpload, type UploadInput } from '../../../lib/submit/uploads';
import { submitBatch } from '../../../packages/producer/batch';
import { createProducer } from '../../../packages/producer/client';
import { queueIn } from '../../../packages/producer/real-producer';
import { createTracker } from '../../../packages/producer/tracker';
import { memoryQueues } from '../../support/memory-queues';
import { feedbackSettings, memoryProducerDeps } from '../../support/producer';

const feedback = { user: { id: 'u-1', email: 'a@example.com' }, subject: 'Hello', message: 'It works' };
const upload = { principal: 'client-1', name: 'screen.png', contentType: 'image/png' };
const campaign = { from: { email: 'a@example.com' }, subject: 'Hello', text: 'It works', transactional: true };
const owned = { key: 'spring', principal: 'client-1' };
const invite = { app: '1000000001', email: 'a@example.com', groups: ['00000000-0000-4000-8000-0000000000a1'] };
const event = () => ({ id: 'event-1', name: 'opened', time: new Date().toISOString() });

/** A producer of an instance with these queues. */
function producerOf(queues: string[]) {
  const memory = memoryProducerDeps();
  const settings = queueIn(Object.fromEntries(queues.map((queue) => [queue, feedbackSettings])));
  const deps = { ...memory.deps, settings, queues: memoryQueues(memory.model) };
  const sign = async () => ({ url: 'https://bucket.example.com/', fields: {} });
  return {
    ...memory,
    deps,
    producer: {
      ...createProducer(deps),
      track: createTracker(deps).track,
      upload: (input: UploadInput) => prepareUpload({ ...deps, sign }, input),
    },
  };
}
type Sending = ReturnType<typeof producerOf>['producer'];

test.each<[string, string[], (producer: Sending) => Promise<unknown>]>([
  ['testflight', ['feedback', 'emails'], ({ invite: send }) => send(invite)],
  ['analytics', ['feedback', 'emails'], ({ track }) => track(event())],
  ['feedback', ['emails', 'analytics'], ({ upload: ask }) => ask(upload)],
  ['emails', ['feedback', 'analytics'], (producer) => producer.campaign(campaign, [{ email: 'b@example.com' }], owned)],
])(
  'what is for the queue %s is refused if the instance leaves it out, and nothing is stored or sent',
  async (...row) => {
    const [queue, queues, send] = row;
    const { producer, table, objects, messages } = producerOf(queues);

    await expect(send(producer)).rejects.toMatchObject({
      constructor: InvalidJobError,
      message: `queue: the instance has no queue ${queue}, only ${queues.join(', ')}`,
      problems: [{ field: 'queue' }],
    });
    expect([table.writes(), objects.keys(), messages()]).toEqual([0, [], []]);
  },
);

test('in a batch, only the jobs for a queue that the instance leaves out are refused', async () => {
  const { deps, rows } = producerOf(['feedback']);

  const [first, second] = await submitBatch(deps, [
    { kind: 'invite', data: invite },
    { kind: 'feedback', data: feedback },
  ]);

  expect(first?.error?.message).toBe('queue: the instance has no queue testflight, only feedback');
  expect(second?.accepted?.duplicate).toBe(false);
  expect(rows().map(({ queue }) => queue)).toEqual(['feedback']);
});
