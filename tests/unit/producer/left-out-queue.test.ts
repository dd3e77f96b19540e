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
const campaign = { from: { email: 'a@example.com' }, subject: 'Hello', text: 'It works' };
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

test.each<[string, string, string[], (producer: Sending) => Promise<unknown>]>([
  ['an invitation', 'testflight', ['feedback', 'emails'], (producer) => producer.invite(invite)],
  ['an event', 'analytics', ['feedback', 'emails'], (producer) => producer.track(event())],
  ['a file for feedback', 'feedback', ['emails', 'analytics'], (producer) => producer.upload(upload)],
  [
    'a campaign',
    'emails',
    ['feedback', 'analytics'],
    (producer) =>
      producer.campaign({ ...campaign, transactional: true }, [{ email: 'b@example.com' }], {
        key: 'spring',
        principal: 'client-1',
      }),
  ],
])(
  '%s is refused, and nothing is stored or sent, if the instance leaves out the queue %s',
  async (_what, queue, queues, send) => {
    const { producer, table, objects, messages } = producerOf(queues);
    const refused = await send(producer).catch((error: unknown) => error);

    expect(refused).toBeInstanceOf(InvalidJobError);
    expect(refused).toMatchObject({
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
