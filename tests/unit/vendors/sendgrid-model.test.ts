import { sendgridModel } from '../../../lib/local/fakes/sendgrid-model';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const model = () => sendgridModel({ now: () => NOW });

const to = (...emails: string[]) => ({ to: emails.map((email) => ({ email })) });
const mail = (changes: Record<string, unknown> = {}) => ({
  from: { email: 'support@example.com' },
  subject: 'Hello',
  content: [{ type: 'text/plain', value: 'Hello.' }],
  personalizations: [to('user@example.com')],
  ...changes,
});

test('each personalization is a separate mail with the same message id', () => {
  const sendgrid = model();
  const personalizations = [
    { ...to('a@example.com'), custom_args: { job: '1' } },
    { ...to('b@example.com'), custom_args: { job: '2' } },
  ];

  const reply = sendgrid.send(JSON.stringify(mail({ personalizations })));

  expect(reply).toEqual({ status: 202, headers: { 'x-message-id': 'message-1' } });
  expect(sendgrid.mails).toMatchObject([
    { to: ['a@example.com'], customArgs: { job: '1' }, messageId: 'message-1' },
    { to: ['b@example.com'], customArgs: { job: '2' }, messageId: 'message-1' },
  ]);
});

test('an unknown sender gets a 403 that names the field', () => {
  const sendgrid = sendgridModel({ now: () => NOW, unverified: ['x@example.com'] });

  const reply = sendgrid.send(JSON.stringify(mail({ from: { email: 'x@example.com' } })));

  expect(reply).toMatchObject({ status: 403, json: { errors: [{ field: 'from' }] } });
  expect(sendgrid.send(JSON.stringify(mail())).status).toBe(202);
});

test.each([
  ['no recipient', { personalizations: [] }],
  [
    'more than 1000 personalizations',
    { personalizations: Array.from({ length: 1001 }, (_, i) => to(`u${i}@example.com`)) },
  ],
  [
    'more than 1000 recipients',
    { personalizations: [to(...Array.from({ length: 1001 }, (_, i) => `u${i}@example.com`))] },
  ],
  ['an address twice, in another case', { personalizations: [to('user@example.com', 'USER@example.com')] }],
  ['an address twice, in two personalizations', { personalizations: [to('user@example.com'), to('user@example.com')] }],
  ['an invalid address', { personalizations: [to('nobody')] }],
  ['an invalid template id', { template_id: 'welcome' }],
  ['neither content nor template', { content: undefined }],
  ['no subject', { subject: undefined }],
  ['an empty text', { content: [{ type: 'text/plain', value: '' }] }],
  [
    'HTML before text',
    {
      content: [
        { type: 'text/html', value: 'x' },
        { type: 'text/plain', value: 'x' },
      ],
    },
  ],
  ['eleven categories', { categories: Array.from({ length: 11 }, (_, i) => `c${i}`) }],
  ['a category twice', { categories: ['a', 'a'] }],
  [
    'custom args of 10,000 bytes',
    { personalizations: [{ ...to('user@example.com'), custom_args: { a: 'x'.repeat(10_000) } }] },
  ],
  ['a reserved header', { personalizations: [{ ...to('user@example.com'), headers: { 'Reply-To': 'x' } }] }],
  ['a sending time in four days', { send_at: NOW / 1000 + 4 * 86_400 }],
])('refuses %s', (_, changes) => {
  const sendgrid = model();

  expect(sendgrid.send(JSON.stringify(mail(changes))).status).toBe(400);
  expect(sendgrid.mails).toEqual([]);
});

test('refuses a body of more than 30 MB, or one that is not JSON', () => {
  expect(model().send(JSON.stringify(mail({ subject: 'x'.repeat(30 * 1024 * 1024) }))).status).toBe(413);
  expect(model().send('{').status).toBe(400);
});
