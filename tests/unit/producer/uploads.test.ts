import { invalid } from '../../../lib/engine/submit/errors';
import { aFeedback } from '../../support/feedback';
import { memoryProducerDeps } from '../../support/producer';

const file = { principal: 'client-1', name: 'Screen of Jane.PNG', contentType: 'image/png' };

test('an upload goes into the folder of one principal, with a size range and a content type', async () => {
  const { deps, producer } = memoryProducerDeps();
  const sign = jest.spyOn(deps, 'sign');

  const { key, ...form } = await producer.attachments.upload(file);

  expect(key).toMatch(/^jobs\/_attachments\/feedback\/by\/[0-9a-f]{32}\/[0-9a-f-]{36}\.png$/);
  expect(sign).toHaveBeenCalledWith({ key, contentType: 'image/png', maxBytes: 52_428_800, expiresIn: 600 });
  expect(form).toMatchObject({ fields: { key }, expiresAt: '2026-01-02T03:14:05.000Z' });
});

test.each([
  [{ principal: '' }, 'principal'],
  [{ maxBytes: 52_428_801 }, 'maxBytes'],
  [{ maxBytes: 536_870_913, queue: 'emails' as const }, 'maxBytes'],
  [{ queue: 'testflight' as 'emails' }, 'queue'],
  [{ expiresIn: 3_601 }, 'expiresIn'],
])('an upload with %j is refused', async (wrong, field) => {
  const { attachments } = memoryProducerDeps().producer;

  await expect(attachments.upload({ ...file, ...wrong })).rejects.toMatchObject({ problems: [{ field }] });
});

const feedbackWith = (...keys: string[]) =>
  aFeedback({ attachments: keys.map((key) => ({ key, name: 'screen.png', contentType: 'image/png' })) });
const HOME = 'jobs/_attachments/feedback';
const LARGE = `${HOME}/large.png`;

test.each([
  ['outside of the attachments', 'jobs/_data/feedback/x.png', "must be under the attachments' prefix"],
  ['of another queue', 'jobs/_attachments/emails/x.png', "must be under the attachments' prefix"],
  ['that is not there', `${HOME}/none.png`, 'there is no such object'],
  ['that Zendesk does not take', LARGE, 'must be at most 52428800 bytes'],
  ...['by/../x.png', './x.png', '/x.png'].map((end) => [
    `with the ambiguous key …/${end}`,
    `${HOME}/${end}`,
    'must not have empty parts, or the parts . and ..',
  ]),
])('an uploaded file %s is refused, and nothing is stored', async (_which, key, rule) => {
  const { producer, objects, rows } = memoryProducerDeps();
  if (key === LARGE) await objects.put(LARGE, new Uint8Array(50 * 1024 * 1024 + 1), 'image/png');

  await expect(producer.feedback(feedbackWith(key))).rejects.toEqual(invalid('attachments.0.key', rule));
  expect(rows()).toEqual([]);
});

test('only a producer with ownFiles takes a file beside the uploads, also as a list of recipients', async () => {
  const { producer, objects, rows } = memoryProducerDeps({ ownFiles: false });
  const list = 'jobs/_attachments/emails/list.csv';
  for (const key of [`${HOME}/screen.png`, list]) await objects.put(key, 'email\na@example.com\n', 'text/csv');
  const rule = 'must be an upload: only a producer with ownFiles names other files';

  await expect(producer.feedback(feedbackWith(`${HOME}/screen.png`))).rejects.toEqual(
    invalid('attachments.0.key', rule),
  );
  await expect(
    producer.campaign(
      { from: { email: 'a@example.com' }, subject: 'S', text: 'T', transactional: true },
      { key: list },
    ),
  ).rejects.toEqual(invalid('recipients.key', rule));
  expect(rows()).toEqual([]);
});

test('an uploaded file is refused with others that are more than 100 MiB together', async () => {
  const { producer, objects } = memoryProducerDeps();
  const keys = ['a', 'b', 'c'].map((name) => `${HOME}/${name}`);
  for (const key of keys) await objects.put(key, new Uint8Array(34 * 1024 * 1024), 'image/png');
  const send = (some: string[]) => producer.feedback(feedbackWith(...some));

  await expect(send(keys)).rejects.toThrow('attachments.0.key: must be at most 104857600 bytes with the others');
  expect(await send(keys.slice(1))).toMatchObject({ duplicate: false });
});

test('an uploaded file goes with a job of its principal only. A file that is no upload is left to the API', async () => {
  const { producer, messages, objects } = memoryProducerDeps();
  const { key } = await producer.attachments.upload(file);
  await objects.put(key, 'a file', 'image/png');
  await objects.put(`${HOME}/screen.png`, 'a file', 'image/png');

  await producer.feedback(feedbackWith(`${HOME}/screen.png`));
  await producer.feedback(feedbackWith(key), { principal: 'client-1' });
  for (const options of [{ principal: 'client-2' }, {}])
    await expect(producer.feedback(feedbackWith(key), options)).rejects.toEqual(
      invalid('attachments.0.key', 'must be an upload of the same principal'),
    );

  expect(messages()).toHaveLength(2);
});

test('an uploaded file is recorded with each job that names it, and so is a list of recipients, of its principal only', async () => {
  const { producer, objects, table } = memoryProducerDeps();
  const options = { principal: 'client-1' };
  const { key } = await producer.attachments.upload(file);
  const { key: list } = await producer.attachments.upload({ ...file, queue: 'emails', name: 'list.csv' });
  await objects.put(key, 'a file', 'image/png');
  await objects.put(list, 'email\na@example.com\n', 'text/csv');
  const campaign = { from: { email: 'news@example.com' }, subject: 'S', text: 'T', transactional: true };

  const first = await producer.feedback(feedbackWith(key), options);
  const again = await producer.feedback(feedbackWith(key), { ...options, key: 'k' });
  await producer.feedback(feedbackWith(key), { ...options, key: 'k' });
  const sent = await producer.campaign(campaign, { key: list }, options);
  await expect(producer.campaign(campaign, { key: list }, { principal: 'client-2' })).rejects.toMatchObject({
    problems: [{ field: 'recipients.key' }],
  });

  const todoAt = Date.parse('2026-01-02T03:04:05.000Z') + 45 * 86_400_000;
  expect(table.item(`file#${key}`)).toMatchObject({ object: key, todo: 'feedback#files', todoAt });
  expect(table.item(`file#${key}`)?.jobs).toEqual([`feedback#${first.id}`, `feedback#${again.id}`]);
  expect(table.item(`file#${list}`)).toMatchObject({ jobs: [`emails#${sent.id}`], todo: 'emails#files' });
});
