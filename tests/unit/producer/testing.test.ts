import { StoreError } from '../../../lib/platform/errors';
import type { Clock } from '../../../lib/platform/ports';
import type { Producer } from '../../../packages/producer/client';
import { createTestProducer } from '../../../packages/producer/testing';
import { memoryProducerDeps } from '../../support/producer';

const feedback = { user: { email: 'a@example.com' }, subject: 'Hello', message: 'It works' };
const news = { from: { email: 'news@example.com' }, subject: 'Hello', text: 'Hello', transactional: true };
const people = [{ email: 'a@example.com' }, { email: 'A@example.com' }, { email: 'x' }];
const lenient = { mostRejected: 100 };
const invite = { app: '1', email: 'a@example.com', groups: ['0f8fad5b-d9cb-469f-a165-70867728950e'] };
const file = { name: 'a.png', contentType: 'image/png' };
const me = { principal: 'me' };
const owned = { ...me, key: 'k' };
const planned = { ...me, key: 'planned' };
const HOUR = 3_600_000;
const ticket = { ticketId: '7', confirmation: 'sent' } as const;

type Call = (producer: Producer, at: (ms: number) => string) => Promise<unknown>;

const calls: Record<string, Call> = {
  'a job': (producer) => producer.feedback(feedback),
  'its key': (producer) => producer.feedback(feedback, owned),
  'the same again': (producer) => producer.feedback(feedback, owned),
  'its key with other data': (producer) => producer.feedback({ ...feedback, subject: 'Other' }, owned),
  'wrong data': (producer) => producer.feedback({ user: { email: 'x' }, subject: '', other: 1 } as never),
  'a key without its owner': (producer) => producer.feedback(feedback, { key: 'k' } as never),
  'a file that is not there': (producer) =>
    producer.feedback({ ...feedback, attachments: [{ key: 'jobs/_attachments/feedback/a.png', ...file }] }),
  'a mail': (producer) => producer.email({ ...news, to: { email: 'a@example.com' } } as never),
  'an invitation': (producer) => producer.invite(invite),
  'a planned job, found and cancelled twice': async ({ feedback: send, jobs }, at) => {
    const { id } = await send(feedback, { ...planned, notBefore: at(HOUR) });
    return [await jobs.get(id, me), await jobs.cancel(id, me), await jobs.cancel(id, me)];
  },
  'a job of another principal': async ({ feedback: send, jobs }) => jobs.get((await send(feedback, owned)).id),
  'an unknown job': (producer) => producer.jobs.get('unknown'),
  'a preview': (producer) => producer.previewCampaign(news, people, { ...me, numbers: [1] }),
  'a campaign': (producer) => producer.campaign(news, people, { ...me, ...lenient, key: 'campaign' }),
  'the same campaign again': (producer) => producer.campaign(news, people, { ...me, ...lenient, key: 'campaign' }),
  'a campaign without recipients': (producer) => producer.campaign(news, []),
  'the pause of an unknown campaign': (producer) => producer.campaigns.pause('unknown'),
  'the wait for an unknown job': (producer) => producer.jobs.wait('unknown'),
  'a batch': (producer) =>
    producer.batch([
      { kind: 'feedback', data: feedback, options: owned },
      { kind: 'invite', data: { ...invite, groups: [] } },
      { kind: 'removeTester', data: { app: '1', email: 'a@example.com', from: 'app' } },
    ]),
  'a batch that is no list': (producer) => producer.batch({ kind: 'feedback' } as never),
  'a list that fills, ends and keeps the weightier reason': async (producer) => {
    const told: unknown[] = [];
    for (const reason of ['unsubscribed', 'unsubscribed', undefined, 'reported', 'bounced'] as const) {
      if (reason) await producer.suppress(' Eva@Example.com', { ...me, reason });
      else await producer.unsuppress('eva@example.com', { system: true });
      told.push((await producer.isSuppressed('eva@example.com', me)) ?? 'gets mail');
    }
    return told;
  },
  'an address that is none': (producer) => producer.suppress('nobody', me),
  'a suppression by no one': (producer) => producer.suppress('eva@example.com', {} as never),
  'a reason that a caller may not give': (producer) =>
    producer.suppress('eva@example.com', { ...me, reason: 'erased' as never }),
  'an event': (producer, at) => producer.track({ id: '1', name: 'opened', time: at(0) }),
  'a wrong event': (producer) => producer.track({ id: '', name: 'opened', time: 'x' }),
  'an upload': (producer) => producer.attachments.upload({ ...me, ...file }),
  'an upload for no queue': (producer) => producer.attachments.upload({ ...me, ...file, queue: 'other' } as never),
  'flush and close': async (producer) => [await producer.ready(), await producer.flush(), await producer.close()],
  'a job after the close': (producer) => producer.feedback(feedback),
};

/** What each call answered, without what differs: times, SQS's numbers, and ids that follow from no key. */
async function answersOf(producer: Producer, { now }: Pick<Clock, 'now'>): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {};
  for (const [name, call] of Object.entries(calls)) {
    const answer = await call(producer, (ms) => new Date(now() + ms).toISOString()).catch((error: Error) => ({
      ...{ ...error, cause: undefined },
      ...{ name: error.name, message: error.message },
    }));
    const text = JSON.stringify(answer ?? null)
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f-]{21}/g, 'new')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'time')
      .replaceAll(/\d{20}/g, 'number');
    answers[name] = JSON.parse(text);
  }
  return answers;
}

test('a repeat of a key whose job has ended badly says so', async () => {
  const producer = createTestProducer({ ownFiles: true });
  const options = { key: 'k', system: true } as const;
  const planned = { key: 'p', system: true, notBefore: new Date(Date.now() + 60_000).toISOString() } as const;
  const { id } = await producer.feedback(feedback, options);
  await expect(producer.feedback(feedback, options)).resolves.not.toHaveProperty('ended');
  await producer.fail(id, { code: 'ZendeskRejected', message: 'no' });
  const later = await producer.feedback(feedback, planned);
  await producer.jobs.cancel(later.id, { system: true });

  const [dead, cancelled] = [await producer.feedback(feedback, options), await producer.feedback(feedback, planned)];

  expect(dead).toMatchObject({ id, duplicate: true, ended: { state: 'dead', code: 'ZendeskRejected' } });
  expect(cancelled).toMatchObject({ id: later.id, duplicate: true, ended: { state: 'cancelled' } });
});

test('the test producer answers each call, and refuses it, as the one of production does', async () => {
  const { producer, clock } = memoryProducerDeps();

  const answers = await answersOf(createTestProducer({ ownFiles: true }), Date);

  expect(answers).toEqual(await answersOf(producer, clock));
  expect(answers).toMatchObject({
    'the same again': { duplicate: true },
    'its key with other data': { name: 'IdempotencyConflictError' },
    'a job of another principal': { name: 'JobNotFoundError' },
    'a campaign': { recipients: 1, duplicates: 1, rejected: 1 },
    'a job after the close': { name: 'StoreError', code: 'Producer.Closed' },
    'an unknown job': { name: 'JobNotFoundError' },
  });
});

test('`sent` lists each new job with what the caller gave, and events and uploads', async () => {
  const producer = createTestProducer({ ownFiles: true });
  const time = new Date().toISOString();
  const event = { id: '1', name: 'opened', time };

  const { id } = await producer.feedback(feedback, owned);
  await producer.feedback(feedback, owned);
  const campaign = await producer.campaign(news, people, { ...me, ...lenient });
  const batch = await producer.batch([
    { kind: 'feedback', data: feedback, options: owned },
    { kind: 'invite', data: invite },
  ]);
  await producer.track(event);
  const { key } = await producer.attachments.upload({ ...me, ...file });
  await producer.feedback({} as never).catch(() => {});

  const any = expect.any(String);
  expect(producer.sent).toEqual([
    { kind: 'feedback', id, time: any, data: feedback, options: owned },
    { kind: 'campaign', id: campaign.id, time: any, data: news, options: { ...me, ...lenient }, recipients: 1 },
    { kind: 'invite', id: batch[1]?.accepted?.id, time: any, data: invite },
    { kind: 'event', time: any, data: event },
    { kind: 'upload', time: any, data: { ...me, ...file }, key },
  ]);
});

test('a call fails on demand, once, and a batch with the first of its jobs', async () => {
  const producer = createTestProducer({ ownFiles: true });
  const job = { kind: 'feedback' as const, data: feedback };

  producer.failNext();
  await expect(producer.feedback(feedback, owned)).rejects.toThrow(StoreError);
  expect(await producer.feedback(feedback, owned)).toMatchObject({ duplicate: false });
  producer.failNext(new TypeError('planned'));
  await expect(producer.jobs.get('any')).rejects.toThrow('planned');
  producer.failNext();
  expect(await producer.batch([job, job])).toMatchObject([{ error: { class: 'store' } }, { accepted: {} }]);
});

test('a test ends jobs, planned ones too', async () => {
  const producer = createTestProducer({ ownFiles: true });
  const { id } = await producer.feedback(feedback);
  const later = await producer.feedback(feedback, { notBefore: new Date(Date.now() + HOUR).toISOString() });

  const waited = producer.jobs.wait(id);
  await producer.complete(id, ticket);

  expect(await producer.jobs.get(id)).toMatchObject({ state: 'succeeded', ended: true, result: ticket });
  expect(await waited).toMatchObject({ kind: 'feedback', result: ticket });
  await expect(producer.complete(id)).rejects.toThrow('a job that is succeeded');
  await expect(producer.fail('unknown')).rejects.toThrow('there is no job unknown');
  await producer.fail(later.id, { code: 'ZendeskRejected', message: 'subject: is taken', field: 'subject' });
  expect(await producer.jobs.get(later.id)).toMatchObject({
    ...{ state: 'dead', reason: 'error', ended: true, endedAt: expect.any(String) },
    error: { code: 'ZendeskRejected', message: 'subject: is taken', field: 'subject' },
  });
  const ended = { name: 'JobEndedError', id: later.id, state: 'dead', reason: 'error', code: 'ZendeskRejected' };
  await expect(producer.jobs.wait(later.id)).rejects.toMatchObject(ended);
  for (const end of [producer.complete, producer.fail])
    await expect(end(later.id)).rejects.toThrow('a job that is dead');
});

test('an uploaded file is there for the job that names it, and a completed campaign can be paused and reported', async () => {
  const producer = createTestProducer({ ownFiles: true });
  const { key } = await producer.attachments.upload({ ...me, ...file });
  await producer.upload(key, 'png');

  await producer.feedback({ ...feedback, attachments: [{ key, ...file }] }, me);
  await producer.upload('jobs/_attachments/emails/list.csv', 'email\na@example.com\n');
  for (const options of [{}, { notBefore: new Date(Date.now() + HOUR).toISOString() }]) {
    const list = { key: 'jobs/_attachments/emails/list.csv' };
    const { id, recipients } = await producer.campaign(news, list, { ...me, ...options, again: true });
    await expect(producer.campaigns.pause(id, me)).rejects.toMatchObject({ code: 'Campaign.NotStarted' });
    await producer.complete(id);

    expect(recipients).toBe(1);
    for (const other of [{}, { principal: 'other' }])
      await expect(producer.campaigns.pause(id, other)).rejects.toThrow('there is no such job');
    const startsAt = expect.any(String);
    expect(await producer.campaigns.pause(id, me)).toEqual({ id, status: 'paused', reason: 'operator', startsAt });
    expect(await producer.campaigns.resume(id, { system: true })).toEqual({ id, status: 'running', startsAt });
    expect(await producer.campaigns.report(id, me)).toMatchObject({ campaign: id, recipients: 1, notReleased: 1 });
  }
});
