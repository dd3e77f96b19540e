import { feedbackSchema } from '../../../lib/feedback/message';
import { attachmentsOf, confirmationOf, ticketOf } from '../../../lib/feedback/texts';
import { memoryObjects } from '../../support/memory-objects';

const EVIL = 'verify: https://evil.example/login';
const TEMPLATE = `d-${'0'.repeat(32)}`;

const feedback = (id?: string, changes: object = {}) =>
  feedbackSchema.parse({
    user: { email: 'victim@example.org', name: `Winner ${EVIL}`, ...(id === undefined ? {} : { id }) },
    subject: `Locked ${EVIL}`,
    message: EVIL,
    ...changes,
  });
async function all<T>(given: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = [];
  for await (const one of given) taken.push(one);
  return taken;
}
const mailTo = (data: ReturnType<typeof feedback>, templateId?: string) =>
  confirmationOf({ id: 'job-1', row: { time: 0 }, data }, '17', {
    from: { email: 'support@example.com' },
    brand: 'Example',
    templateId,
  });

test.each([
  ['the built-in text', undefined],
  ['a template', TEMPLATE],
])('with %s, a confirmation without a user id repeats nothing that the caller wrote', (_, template) => {
  const mail = JSON.stringify(mailTo(feedback(), template));

  expect(mail).not.toContain('evil');
  expect(mail).not.toContain('Winner');
  expect(mail).toContain('17');
});

test('a user whom the API knows by an id reads name and subject in the confirmation', () => {
  expect(mailTo(feedback('user-1'))).toMatchObject({ recipients: [{ name: expect.stringContaining('Winner') }] });
  expect(mailTo(feedback('user-1')).text).toContain('Locked');
});

test('marks that change the direction of text do not reach the ticket, the mail or a file name', async () => {
  const data = feedback('user-1', {
    user: { id: 'user-1', email: 'a@example.com', name: 'Ann\u202e' },
    subject: 'a\u2066b',
    attachments: [{ key: 'jobs/_attachments/feedback/a', name: '../etc/exe.\u202etxt', contentType: 'text/plain' }],
  });
  const objects = memoryObjects();
  await objects.put('jobs/_attachments/feedback/a', 'a', 'text/plain');
  const [file] = await all(attachmentsOf({ objects, prefix: 'jobs' }, data));

  expect(ticketOf({ id: '1', data, row: { time: 0 } }, [], [])).toMatchObject({
    subject: 'ab',
    requester: { name: 'Ann' },
  });
  expect(mailTo(data)).toMatchObject({ subject: 'We have received your feedback: ab', recipients: [{ name: 'Ann' }] });
  expect(file?.name).toBe('exe.txt');
});

test.each([
  ['text/html', 'application/octet-stream'],
  ['image/svg+xml', 'application/octet-stream'],
  ['application/xhtml+xml', 'application/octet-stream'],
  ['text/javascript; charset=utf-8', 'application/octet-stream'],
  ['image/png', 'image/png'],
  ['application/pdf', 'application/pdf'],
])('an attachment of the type %s reaches agents as %s', async (contentType, expected) => {
  const objects = memoryObjects();
  await objects.put('jobs/_attachments/feedback/a', 'a', contentType);
  const data = feedback('1', { attachments: [{ key: 'jobs/_attachments/feedback/a', name: 'a', contentType }] });

  const [file] = await all(attachmentsOf({ objects, prefix: 'jobs' }, data));

  expect(file?.contentType).toBe(expected);
});

test('attachments are read one at a time', async () => {
  const objects = memoryObjects();
  const keys = ['a', 'b', 'c'].map((name) => `jobs/_attachments/feedback/${name}`);
  for (const key of keys) await objects.put(key, 'x', 'text/plain');
  const read: string[] = [];
  const get = (key: string) => {
    read.push(key);
    return objects.get(key);
  };
  const data = feedback('1', { attachments: keys.map((key) => ({ key, name: 'a', contentType: 'text/plain' })) });

  const seen: number[] = [];
  for await (const _file of attachmentsOf({ objects: { ...objects, get }, prefix: 'jobs' }, data))
    seen.push(read.length);

  expect(seen).toEqual([1, 2, 3]);
});

test('an object that is larger than 50 MiB is refused, whatever size the job claims', async () => {
  const objects = memoryObjects();
  const key = 'jobs/_attachments/feedback/a';
  await objects.put(key, new Uint8Array(50 * 1024 * 1024 + 1), 'text/plain');
  const data = feedback('1', { attachments: [{ key, name: 'a', contentType: 'text/plain', size: 1 }] });

  await expect(all(attachmentsOf({ objects, prefix: 'jobs' }, data))).rejects.toMatchObject({
    code: 'AttachmentTooLarge',
    field: 'data.attachments.0.key',
  });
});
