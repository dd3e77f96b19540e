import { feedbackEnv } from '../../../../lib/queues/feedback/config';
import { feedbackSchema } from '../../../../lib/queues/feedback/message';
import { attachmentsOf, confirmationOf, ticketOf } from '../../../../lib/queues/feedback/process';
import { memoryObjects } from '../../../support/memory-objects';

const DEFAULT = `d-${'0'.repeat(32)}`;
const GERMAN = `d-${'1'.repeat(32)}`;
const BRAZILIAN = `d-${'2'.repeat(32)}`;
const templates = feedbackEnv.shape.FEEDBACK_TEMPLATES.parse(`de=${GERMAN}, pt-BR=${BRAZILIAN}`);
const EVIL = 'verify: https://evil.example/login';

const mailFor = ({ id, locale }: { id?: string; locale?: string | undefined }, templateId?: string) => {
  const user = { email: 'user@example.com', name: `Winner ${EVIL}`, ...(id === undefined ? {} : { id }) };
  const data = feedbackSchema.parse({ user, subject: `Prize ${EVIL}`, message: EVIL, locale });
  const config = { from: { email: 'support@example.com' }, brand: 'Example', templateId, templates };
  return confirmationOf({ id: 'job-1', row: { time: 0 }, data }, '17', config);
};

test.each([
  ['de-AT', DEFAULT, GERMAN],
  ['DE-at', DEFAULT, GERMAN],
  ['pt-br-1996', DEFAULT, BRAZILIAN],
  ['pt', DEFAULT, DEFAULT],
  ['den', DEFAULT, DEFAULT],
  [undefined, DEFAULT, DEFAULT],
  ['de', undefined, GERMAN],
  ['fr', undefined, undefined],
])('the locale %s with the default template %s gets the template %s, or the built-in text without one', (...row) => {
  const [locale, template, expected] = row;
  const { templateId, subject } = mailFor({ locale }, template);

  expect([templateId, subject]).toEqual([expected, expected ? undefined : 'We have received your feedback']);
});

test.each([
  ['the built-in text', undefined],
  ['a template', DEFAULT],
])('with %s, a confirmation repeats what the caller wrote only for a user with an id', (_, template) => {
  const unknown = JSON.stringify(mailFor({}, template));
  const known = JSON.stringify(mailFor({ id: 'user-1' }, template));

  expect(unknown).toContain('17');
  expect(unknown).not.toMatch(/evil|Winner|Prize/);
  expect(known).toMatch(/Winner.*Prize/);
});

const HOME = 'jobs/_attachments/feedback/by/a';
const feedback = (changes: object = {}) =>
  feedbackSchema.parse({ user: { email: 'a@example.com', name: 'A' }, subject: 'S', message: 'M', ...changes });

/** Stores these files, and returns those of a feedback that names them, and the reads of the bucket. */
async function attached(files: { name?: string; contentType?: string }[]) {
  const objects = memoryObjects();
  const attachments = files.map((file, n) => ({ key: `${HOME}/${n}`, name: 'a', contentType: 'text/plain', ...file }));
  for (const { key } of attachments) await objects.put(key, 'x', 'text/plain');
  const read = jest.spyOn(objects, 'get');
  return { read, files: attachmentsOf({ objects, prefix: 'jobs', ours: false }, feedback({ attachments })) };
}

test('marks that change the direction of text do not reach the ticket or a file name', async () => {
  const user = { id: 'user-1', email: 'a@example.com', name: 'Ann\u202e' };
  const { files } = await attached([{ name: '../etc/exe.\u202etxt' }]);

  expect(ticketOf({ id: '1', data: feedback({ user, subject: 'a\u2066b' }), row: { time: 0 } }, [], [])).toMatchObject({
    subject: 'ab',
    requester: { name: 'Ann' },
  });
  expect(await files[0]?.()).toMatchObject({ name: 'exe.txt' });
});

test('an attachment that a browser would run reaches agents as bytes, and they are read one at a time', async () => {
  const RUN = ['text/html', 'image/svg+xml', 'text/xsl', 'unknown/unknown'];
  const { files, read } = await attached([...RUN, 'text/plain; charset=utf-8'].map((contentType) => ({ contentType })));

  const seen: [number, string][] = [];
  for (const file of files) {
    const { contentType } = await file();
    seen.push([read.mock.calls.length, contentType]);
  }

  const types = [...RUN.map(() => 'application/octet-stream'), 'text/plain; charset=utf-8'];
  expect(seen).toEqual(types.map((contentType, n) => [n + 1, contentType]));
});

test.each([
  ['larger than 50 MiB, whatever size the job claims', `${HOME}/0`, 'AttachmentTooLarge'],
  ['missing', `${HOME}/none`, 'AttachmentMissing'],
  ['elsewhere in the bucket', 'jobs/_attachments/other/x', 'InvalidField'],
])('an attachment is refused by an error that names the field if it is %s', async (_, key, code) => {
  const objects = memoryObjects();
  if (key === `${HOME}/0`) await objects.put(key, new Uint8Array(50 * 1024 * 1024 + 1), 'text/plain');
  const read = async () => {
    const attachments = [{ key, name: 'a', contentType: 'text/plain', size: 1 }];
    return attachmentsOf({ objects, prefix: 'jobs', ours: false }, feedback({ attachments }))[0]?.();
  };

  await expect(read()).rejects.toMatchObject({ code, field: 'data.attachments.0.key' });
});
