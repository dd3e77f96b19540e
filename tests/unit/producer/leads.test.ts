import { createTestProducer, type TestProducer } from '../../../packages/producer/testing';

const feedback = { user: { email: 'user@example.com' }, subject: 'Hello', message: 'It works' };
const mail = { from: { email: 'news@example.com' }, to: { email: 'user@example.com' }, subject: 'Hi', text: 'Hello' };
const NO_ID = '019345c0-0000-7000-8000-000000000000';
const BLANK = 'must not be blank';

/** A mistake of a caller, and the first words that lead to what is right. */
test.each<[string, (producer: TestProducer) => Promise<unknown>, string]>([
  [
    'a key without an owner',
    ({ feedback: send }) => send(feedback, { key: 'k' } as never),
    'options.principal: is required with a key: the id of the client or user that owns the key',
  ],
  ['a campaign that there is not', ({ campaigns }) => campaigns.pause(NO_ID), 'there is no such job'],
  ['a report of none', ({ campaigns }) => campaigns.report(NO_ID, { system: true }), 'there is no such job'],
  [
    "another client's campaign",
    async ({ campaign, campaigns }) => {
      const news = { from: mail.from, subject: 'Hi', text: 'Hello', transactional: true };
      const { id } = await campaign(news, [{ email: 'user@example.com' }], { principal: 'a' });
      return campaigns.cancel(id, { principal: 'b' });
    },
    'there is no such job',
  ],
  [
    'a time without a zone',
    ({ feedback: send }) => send(feedback, { notBefore: '2026-01-02T03:04:05' }),
    'options.notBefore: must be an ISO 8601 time with Z or an offset, e.g. 2026-01-02T03:04:05Z',
  ],
  [
    'no file of an entry',
    ({ feedback: send }) => send({ ...feedback, attachments: [{ key: 'jobs/_attachments/feedback/a' }, {}] } as never),
    'attachments.1.key: must be a string',
  ],
  [
    'a value of an entry',
    ({ track }) => track({ id: '1', name: 'opened', time: new Date().toISOString(), properties: { p: Number.NaN } }),
    'properties.p: ',
  ],
  [
    'an address of an entry',
    ({ email }) => email({ ...mail, replyTo: { email: 'nobody' } }),
    'replyTo.email: must be a valid email',
  ],
  [
    'white space only',
    ({ feedback: send }) => send({ ...feedback, subject: '\u00a0\u200b\ufeff' }),
    `subject: ${BLANK}`,
  ],
  [
    'a text that is too long',
    ({ feedback: send }) => send({ ...feedback, message: `${'x'.repeat(3_000_000)}\0` }),
    'message: must be at most 40000 characters',
  ],
  [
    'an address that is too long, which is read no further',
    ({ feedback: send }) => send({ ...feedback, user: { email: 'x'.repeat(3_000_000) } }),
    'user.email: must be at most 254 characters$',
  ],
])('%s is refused by name and rule', async (_mistake, act, words) => {
  await expect(act(createTestProducer())).rejects.toThrow(new RegExp(`^${words.replaceAll('.', '\\.')}`));
});

test('a Date is a time, and a campaign answers its state without what the service stores beside it', async () => {
  const { feedback: send, campaign, campaigns, jobs, complete, track } = createTestProducer();
  const soon = new Date(Date.now() + 60_000);
  const news = { from: mail.from, subject: 'Hi', text: 'Hello', transactional: true };

  const planned = await send(feedback, { notBefore: soon as never });
  await track({ id: '1', name: 'opened', time: new Date() as never });
  const { id } = await campaign(news, [{ email: 'user@example.com' }], { principal: 'a' });
  await complete(id);

  expect(await jobs.get(planned.id)).toMatchObject({ state: 'planned', notBefore: soon.toISOString() });
  expect(await campaigns.pause(id, { principal: 'a' })).toEqual({
    ...{ id, status: 'paused', reason: 'operator' },
    startsAt: expect.stringMatching(/^\d{4}-.*Z$/),
  });
});
