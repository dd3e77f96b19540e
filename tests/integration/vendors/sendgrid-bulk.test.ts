import { type FakeSendgrid, startFakeSendgrid } from '../../../lib/local/fakes/sendgrid';
import { realSendgrid } from '../../../lib/vendors/sendgrid';
import type { BulkMail, BulkSendgrid } from '../../../lib/vendors/sendgrid-bulk';
import { allTextOf, caught, secretOf } from '../../support/vendors';

const TIMEOUT = { timeoutMs: 10_000 };
const TEMPLATE = `d-${'0'.repeat(32)}`;
let fake: FakeSendgrid;
let sendgrid: BulkSendgrid;

beforeEach(async () => {
  fake = await startFakeSendgrid({ apiKey: 'SG.right' });
  sendgrid = realSendgrid({ endpoint: fake.url, apiKey: secretOf('SG.right'), instance: 'acme' });
});
afterEach(() => fake.close());

const aBulkMail = (changes: Partial<BulkMail> = {}): BulkMail => ({
  from: { email: 'news@example.com', name: 'News' },
  templateId: TEMPLATE,
  categories: ['campaign'],
  recipients: Array.from({ length: 2 }, (_, n) => ({
    email: `user-${n}@example.com`,
    data: { first_name: `N ${n}`, items: [{ unitPrice: n }] },
    customArgs: { job: 'job-1', recipient: String(n) },
    headers: { 'List-Unsubscribe': `<https://example.com/leave?t=${n}>` },
  })),
  ...changes,
});

test('a thousand recipients fit into one request and each gets a separate mail', async () => {
  const recipients = Array.from({ length: 1000 }, (_, n) => ({
    email: `user-${n}@example.com`,
    data: { n },
    customArgs: { recipient: String(n) },
  }));

  const answer = await sendgrid.sendBulk(aBulkMail({ recipients }), TIMEOUT);

  expect(answer).toEqual({ accepted: true, messageId: 'message-1' });
  expect(fake.requests).toHaveLength(1);
  expect(fake.mails).toHaveLength(1000);
  expect(
    new Set(fake.mails.map(({ to, templateData, customArgs }) => `${to} ${templateData.n} ${customArgs.recipient}`))
      .size,
  ).toBe(1000);
});

test('the request has exactly the keys that SendGrid documents', async () => {
  await sendgrid.sendBulk(
    aBulkMail({ replyTo: { email: 'reply@example.com' }, unsubscribe: { group: 7, groupsToDisplay: [7, 8] } }),
    TIMEOUT,
  );

  expect(JSON.parse(fake.requests[0]?.body ?? '')).toEqual({
    from: { email: 'news@example.com', name: 'News' },
    reply_to: { email: 'reply@example.com' },
    template_id: TEMPLATE,
    categories: ['campaign'],
    asm: { group_id: 7, groups_to_display: [7, 8] },
    personalizations: [0, 1].map((n) => ({
      to: [{ email: `user-${n}@example.com` }],
      dynamic_template_data: { first_name: `N ${n}`, items: [{ unitPrice: n }] },
      custom_args: { job: 'job-1', recipient: String(n), instance: 'acme' },
      headers: { 'List-Unsubscribe': `<https://example.com/leave?t=${n}>` },
    })),
  });
  expect(fake.requests[0]?.headers).not.toHaveProperty('list-unsubscribe');
});

test('without a dynamic template the data replaces words in the text', async () => {
  const recipients = [{ email: 'a@example.com', data: { name: 'A', count: 3 }, customArgs: {} }];

  await sendgrid.sendBulk(
    aBulkMail({ templateId: undefined, subject: 'Hello {{name}}', text: '{{count}}', recipients }),
    TIMEOUT,
  );

  expect(fake.mails[0]?.substitutions).toEqual({ '{{name}}': 'A', '{{count}}': '3' });
});

test('sending does not change the mail, which may be frozen', async () => {
  const mail = aBulkMail();
  const before = structuredClone(mail);
  const freeze = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const inner of Object.values(Object.freeze(value))) freeze(inner);
  };
  freeze(mail);

  await sendgrid.sendBulk(mail, TIMEOUT);

  expect(mail).toEqual(before);
});

test.each<[string, Partial<BulkMail>, string]>([
  ['an empty list', { recipients: [] }, 'recipients: must be at least 1'],
  [
    '1001',
    { recipients: Array.from({ length: 1001 }, (_, n) => ({ email: `u${n}@example.com`, customArgs: {} })) },
    'recipients: must be at most 1000',
  ],
  [
    'a template without d-',
    { templateId: '0'.repeat(32) },
    'templateId: must begin with d-, or SendGrid drops the data silently',
  ],
])('%s is refused before anything is sent', async (_, changes, message) => {
  const error = await caught(sendgrid.sendBulk(aBulkMail(changes), TIMEOUT));

  expect(error).toMatchObject({ class: 'permanent', message });
  expect(fake.requests).toHaveLength(0);
});

test.each<[string, unknown, readonly number[] | undefined]>([
  ['their addresses', ['personalizations.7.to', 'personalizations.0.to.0.email', 'personalizations.7.to.0'], [0, 7]],
  ['anything else about them', ['personalizations.7.to', 'personalizations.0.subject'], undefined],
  ['a field that only begins like the address', ['personalizations.7.total'], undefined],
  ['no field', [null], undefined],
  ['nothing', [], undefined],
])('a 400 names recipients only for their addresses: it complains about %s', async (_, fields, recipients) => {
  const errors = (fields as unknown[]).map((field) => ({ message: 'a@example.com is bad', field, help: null }));
  fake.fail({ status: 400, body: { errors } });

  const error = await caught(sendgrid.sendBulk(aBulkMail(), TIMEOUT));

  expect(error).toMatchObject({ class: 'permanent', code: 'SendgridRejected', status: 400 });
  expect((error as { recipients?: unknown }).recipients).toEqual(recipients);
  expect(allTextOf(error)).not.toContain('a@example');
});

test('the fake names a bad address by its place, as SendGrid does', async () => {
  const recipients = ['a@example.com', 'nobody', 'b@example.com'].map((email) => ({ email, customArgs: {} }));

  const error = await caught(sendgrid.sendBulk(aBulkMail({ recipients }), TIMEOUT));

  expect(error).toMatchObject({ recipients: [1], field: 'personalizations.1.to.0.email' });
});

test.each<[string, Parameters<FakeSendgrid['fail']>[0], object]>([
  [
    '429',
    { status: 429, headers: { 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 30) } },
    { class: 'wait', waitMs: expect.closeTo(30_000, -4) },
  ],
  ['500', { status: 500 }, { class: 'transient' }],
  ['503', { status: 503 }, { class: 'transient' }],
  [
    '400',
    { status: 400, body: { errors: [{ message: 'a@example.com is bad', field: 'personalizations.0.to' }] } },
    { class: 'permanent', field: 'personalizations.0.to' },
  ],
  ['413', { status: 413 }, { class: 'permanent' }],
  ['401', { status: 401, times: 2 }, { class: 'stop' }],
  ['403', { status: 403 }, { class: 'permanent', code: 'Forbidden', status: 403, field: undefined }],
  [
    '403 about the sender',
    { status: 403, body: { errors: [{ message: 'a@example.com is not verified', field: 'from' }] } },
    { class: 'permanent', code: 'SendgridRejected', status: 403, field: 'from' },
  ],
  ['408', { status: 408 }, { class: 'ambiguous' }],
  ['502 after it took effect', { status: 502, after: 'answer' }, { class: 'ambiguous' }],
  ['504', { status: 504 }, { class: 'ambiguous' }],
  ['a reset', { after: 'reset' }, { class: 'ambiguous' }],
  ['a 200, which SendGrid does not send', { status: 200 }, { class: 'ambiguous' }],
])('%s means the same as for one mail and leaks no value', async (_, failure, expected) => {
  fake.fail(failure);

  const error = await caught(sendgrid.sendBulk(aBulkMail(), TIMEOUT));

  expect(error).toMatchObject(expected);
  expect(allTextOf(error)).not.toMatch(/SG\.right|user-\d@example|a@example/);
});
