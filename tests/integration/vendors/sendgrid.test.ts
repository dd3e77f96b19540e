import library from '@sendgrid/mail';
import { type Mail, mailData, realSendgrid, type Sendgrid } from '../../../lib/mail/sendgrid';
import { recipientCheck } from '../../../lib/queues/emails/recipients';
import { requestOf } from '../../../lib/queues/emails/request';
import { startFakeSendgrid } from '../../../packages/local/fakes/sendgrid';
import { reply, startFake } from '../../../packages/local/fakes/server';
import { aContent, CAMPAIGN } from '../../support/emails';
import { eventually } from '../../support/eventually';
import { allTextOf, aMail, caught, PATIENT, secretOf } from '../../support/vendors';

const TEMPLATE = `d-${'0'.repeat(32)}`;
type Fake = Awaited<ReturnType<typeof startFakeSendgrid>>;
let fake: Fake;
let other: Fake;
let sendgrid: Sendgrid;

beforeEach(async () => {
  fake = await startFakeSendgrid({ apiKey: 'SG.right' });
  other = await startFakeSendgrid({ apiKey: 'SG.other' });
  sendgrid = realSendgrid({ endpoint: fake.url, apiKey: secretOf('SG.right'), instance: 'acme' });
});
afterEach(() => Promise.all([fake.close(), other.close()]));

const people = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    email: `user-${n}@example.com`,
    data: { first_name: `O'Neill & "Co" ${n}`, items: [{ unitPrice: n }] },
    customArgs: { job: 'job-1', recipient: String(n) },
    headers: { 'List-Unsubscribe': `<https://example.com/leave?t=${n}>` },
  }));
const aBulkMail = (changes: Partial<Mail> = {}): Mail => ({
  from: { email: 'news@example.com', name: 'News' },
  templateId: TEMPLATE,
  categories: ['campaign'],
  recipients: people(2),
  ...changes,
});

test('the request has exactly the keys that SendGrid documents, only the headers of our call, and leaves the mail as it is', async () => {
  const mail = aBulkMail({
    replyTo: { email: 'reply@example.com' },
    subject: 'News',
    text: 'There are news.',
    html: '<p>There are news.</p>',
    unsubscribe: { group: 7, groupsToDisplay: [7, 8] },
    tracking: { clicks: true },
  });

  const before = structuredClone(mail);

  // Its events carry the id that the request got.
  expect(await sendgrid.send(mail, PATIENT)).toEqual({ messageId: 'message-1' });
  expect(mail).toEqual(before);
  expect(JSON.parse(fake.requests[0]?.body ?? '')).toEqual({
    from: { email: 'news@example.com', name: 'News' },
    reply_to: { email: 'reply@example.com' },
    subject: 'News',
    content: [
      { type: 'text/plain', value: 'There are news.' },
      { type: 'text/html', value: '<p>There are news.</p>' },
    ],
    template_id: TEMPLATE,
    categories: ['campaign'],
    asm: { group_id: 7, groups_to_display: [7, 8] },
    tracking_settings: { open_tracking: { enable: false }, click_tracking: { enable: true, enable_text: false } },
    personalizations: [0, 1].map((n) => ({
      to: [{ email: `user-${n}@example.com` }],
      dynamic_template_data: { first_name: `O'Neill & "Co" ${n}`, items: [{ unitPrice: n }] },
      custom_args: { job: 'job-1', recipient: String(n), instance: 'acme' },
      headers: { 'List-Unsubscribe': `<https://example.com/leave?t=${n}>` },
    })),
  });
  expect(fake.requests[0]?.headers).not.toHaveProperty('list-unsubscribe');
});

test("the largest acceptable request stays below SendGrid's limit", () => {
  const content = aContent({
    templateId: undefined,
    subject: 'S'.repeat(255),
    text: `{{text}}${'"'.repeat(512 * 1024 - 8)}`,
    html: '"'.repeat(512 * 1024),
    unsubscribe: { link: `https://example.com/${'{{token}}'.repeat(19)}` },
  });
  const check = recipientCheck(content);
  const person = { name: '€'.repeat(100), data: { token: '€'.repeat(11), text: '"'.repeat(4_960) } };
  const recipients = Array.from({ length: 1000 }, (_, number) => {
    const checked = check({ ...person, email: `${'a'.repeat(60)}-${number}@${'b'.repeat(60)}.example.com` });
    if (!('recipient' in checked)) throw new Error(JSON.stringify(checked));
    return { ...checked.recipient, number };
  });

  const mail = requestOf({ content, recipients, origin: { id: CAMPAIGN, time: 1, campaign: CAMPAIGN } });

  const bytes = Buffer.byteLength(JSON.stringify(mailData(mail, 'a'.repeat(32))));
  expect(bytes).toBeGreaterThan(10 * 1024 * 1024);
  expect(bytes).toBeLessThan(30 * 1024 * 1024);
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

  const error = await caught(sendgrid.send(aBulkMail(), PATIENT));

  expect(error).toMatchObject({ class: 'permanent', code: 'SendgridRejected', status: 400 });
  expect((error as { recipients?: unknown }).recipients).toEqual(recipients);
  expect(allTextOf(error)).not.toContain('a@example');
});

test('a 403 that names a field is about the request, for example a sender that SendGrid does not know', async () => {
  fake.fail({ status: 403, body: { errors: [{ message: 'a@example.com is not verified', field: 'from' }] } });

  const error = await caught(sendgrid.send(aMail(), PATIENT));

  expect(error).toMatchObject({ class: 'permanent', code: 'SendgridRejected', status: 403, field: 'from' });
});

test.each([200, 201, 204])('a %s is ambiguous, because SendGrid does not send it', async (status) => {
  fake.fail({ status, body: '<html>All is well</html>' });

  const error = await caught(sendgrid.send(aMail(), PATIENT));

  expect(error).toMatchObject({ class: 'ambiguous', code: 'SendgridMalformed' });
});

test('a 202 means accepted even if the rest of the answer is missing', async () => {
  fake.fail({ after: 'cut' });

  expect(await sendgrid.send(aMail(), PATIENT)).toEqual({ messageId: 'message-1' });
});

test("two accounts at the same time share no state and do not change the library's own object", async () => {
  const second = realSendgrid({ endpoint: `${other.url}/`, apiKey: secretOf('SG.other'), instance: 'acme' });
  const before = { ...library };

  await Promise.all([sendgrid.send(aMail(), PATIENT), second.send(aMail(), PATIENT), sendgrid.send(aMail(), PATIENT)]);

  expect(fake.mails).toHaveLength(2);
  expect(other.mails).toHaveLength(1);
  const changed = Object.entries(library).filter(([name, value]) => value !== before[name as keyof typeof before]);
  expect(changed).toEqual([]);
});

test('the fake bounces, reports, defers and drops by list, and drops what bounced before', async () => {
  const events: { email: string; event: string }[] = [];
  const webhook = await startFake({
    state: () => ({}),
    handle: ({ body }) => {
      events.push(...(JSON.parse(body) as typeof events));
      return reply(204);
    },
  });
  const listed = fake.setLists?.('{"defer":["user-1@example.com"]}');
  fake.sendEventsTo(webhook.url);
  const emails = ['user-0@example.com', 'user-1@example.com', 'A@bounce.example.com', 'b@report.example.com'];
  const mail = aBulkMail({ recipients: emails.map((email) => ({ email, customArgs: {} })) });

  await sendgrid.send(mail, PATIENT);
  await sendgrid.send(mail, PATIENT);
  await eventually(
    () => events,
    ({ length }) => length >= 17,
  );

  expect(listed?.status).toBe(204);
  const of = (user: string) => events.flatMap(({ email, event }) => (email === user ? [event] : [])).sort();
  expect(emails.map(of)).toEqual([
    ['delivered', 'delivered', 'processed', 'processed'],
    ['deferred', 'deferred', 'delivered', 'delivered', 'processed', 'processed'],
    ['bounce', 'dropped', 'processed'],
    ['delivered', 'dropped', 'processed', 'spamreport'],
  ]);
  await webhook.close();
});
