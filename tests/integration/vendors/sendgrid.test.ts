import library from '@sendgrid/mail';
import { type FakeSendgrid, startFakeSendgrid } from '../../../lib/local/fakes/sendgrid';
import { realSendgrid, type Sendgrid } from '../../../lib/vendors/sendgrid';
import { aMail, caught, secretOf } from '../../support/vendors';

const TIMEOUT = { timeoutMs: 5000 };
const TEMPLATE = `d-${'0'.repeat(32)}`;
let fake: FakeSendgrid;
let other: FakeSendgrid;
let sendgrid: Sendgrid;

beforeEach(async () => {
  fake = await startFakeSendgrid({ apiKey: 'SG.right' });
  other = await startFakeSendgrid({ apiKey: 'SG.other' });
  sendgrid = realSendgrid({ endpoint: fake.url, apiKey: secretOf('SG.right'), instance: 'acme' });
});
afterEach(() => Promise.all([fake.close(), other.close()]));

const sent = () => JSON.parse(fake.requests.at(-1)?.body ?? 'null') as Record<string, unknown>;

test('an accepted mail has the message id that its events will carry', async () => {
  const answer = await sendgrid.send(aMail({ html: '<p>Thank you.</p>' }), TIMEOUT);

  expect(answer).toEqual({ accepted: true, messageId: 'message-1' });
  expect(fake.mails).toMatchObject([
    {
      to: ['user@example.com'],
      from: 'support@example.com',
      subject: 'We got your feedback',
      text: 'Thank you.',
      html: '<p>Thank you.</p>',
      customArgs: { job: '0190a1b2-0000-7000-8000-000000000001' },
      categories: ['feedback'],
    },
  ]);
});

test('the request has exactly the keys that SendGrid documents', async () => {
  await sendgrid.send(
    aMail({
      templateId: TEMPLATE,
      templateData: { firstName: 'A', order: { lineItems: [{ unitPrice: 1 }] } },
      customArgs: { jobId: '1', campaign_id: '2' },
      headers: { 'List-Unsubscribe': '<https://example.com/u>', 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' },
      replyTo: { email: 'reply@example.com' },
    }),
    TIMEOUT,
  );

  expect(sent()).toEqual({
    from: { email: 'support@example.com', name: 'Support' },
    reply_to: { email: 'reply@example.com' },
    subject: 'We got your feedback',
    content: [{ type: 'text/plain', value: 'Thank you.' }],
    template_id: TEMPLATE,
    categories: ['feedback'],
    personalizations: [
      {
        to: [{ email: 'user@example.com', name: 'A User' }],
        custom_args: { jobId: '1', campaign_id: '2', instance: 'acme' },
        headers: {
          'List-Unsubscribe': '<https://example.com/u>',
          'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
        },
        dynamic_template_data: { firstName: 'A', order: { lineItems: [{ unitPrice: 1 }] } },
      },
    ],
  });
});

test('headers of the mail do not become headers of the HTTP request', async () => {
  await sendgrid.send(aMail({ headers: { 'X-Planted': 'yes' } }), TIMEOUT);

  expect(fake.requests[0]?.headers['x-planted']).toBeUndefined();
  expect(fake.mails[0]?.headers).toEqual({ 'X-Planted': 'yes' });
});

test('sending does not change the mail, which may be frozen', async () => {
  const mail = aMail({ templateId: TEMPLATE, templateData: { nested: { value: 1 } }, headers: { 'X-A': '1' } });
  const before = structuredClone(mail);

  await sendgrid.send(deepFreeze(mail), TIMEOUT);
  await sendgrid.send(mail, TIMEOUT);

  expect(mail).toEqual(before);
  expect(fake.requests[1]?.body).toBe(fake.requests[0]?.body);
});

test.each([undefined, '0190a1b2-0000-4000-8000-000000000001'])(
  'template data with the template %s is an error, because SendGrid would send the mail without the data',
  async (templateId) => {
    const mail = aMail({ templateData: { name: 'A' }, ...(templateId ? { templateId } : {}) });

    const error = await caught(sendgrid.send(mail, TIMEOUT));

    expect(error).toMatchObject({ class: 'permanent', code: 'InvalidField', field: 'templateId' });
    expect(fake.requests).toHaveLength(0);
  },
);

test('template data is sent unchanged, even with quotes, and nothing is written to the console', async () => {
  const console_ = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  const templateData = { name: `O'Neill & "Co"` };

  await sendgrid.send(aMail({ templateId: TEMPLATE, templateData }), TIMEOUT);

  expect(fake.mails[0]?.templateData).toEqual(templateData);
  expect(console_.mock.calls).toEqual([]);
  console_.mockRestore();
});

test('a mail in sandbox mode does not count as accepted', async () => {
  expect(await sendgrid.send(aMail({ sandbox: true }), TIMEOUT)).toEqual({ accepted: false });
  expect(fake.mails).toEqual([]);
});

test.each([200, 201, 204])(
  'a %s outside sandbox mode is ambiguous, because SendGrid does not send it',
  async (status) => {
    fake.fail({ status, body: '<html>All is well</html>' });

    expect(await caught(sendgrid.send(aMail(), TIMEOUT))).toMatchObject({
      class: 'ambiguous',
      code: 'SendgridMalformed',
    });
  },
);

test('a 202 means accepted even if the rest of the answer is missing', async () => {
  fake.fail({ after: 'cut' });

  expect(await sendgrid.send(aMail(), TIMEOUT)).toMatchObject({ accepted: true, messageId: 'message-1' });
});

test("two accounts at the same time share no state and do not change the library's own object", async () => {
  const second = realSendgrid({ endpoint: `${other.url}/`, apiKey: secretOf('SG.other'), instance: 'acme' });
  const before = { ...library };

  await Promise.all([sendgrid.send(aMail(), TIMEOUT), second.send(aMail(), TIMEOUT), sendgrid.send(aMail(), TIMEOUT)]);

  expect(fake.mails).toHaveLength(2);
  expect(other.mails).toHaveLength(1);
  const changed = Object.entries(library).filter(([name, value]) => value !== before[name as keyof typeof before]);
  expect(changed).toEqual([]);
});

test('a replaced key is fetched again once, and the mail is sent', async () => {
  const apiKey = secretOf('SG.old', 'SG.right');

  await realSendgrid({ endpoint: fake.url, apiKey, instance: 'acme' }).send(aMail(), TIMEOUT);

  expect(apiKey.asked).toBe(1);
  expect(fake.mails).toHaveLength(1);
});

test('a key that is refused twice causes a stop error', async () => {
  const apiKey = secretOf('SG.old', 'SG.wrong', 'SG.right');

  const error = await caught(realSendgrid({ endpoint: fake.url, apiKey, instance: 'acme' }).send(aMail(), TIMEOUT));

  expect(error).toMatchObject({ class: 'stop', code: 'SendgridUnauthorized', status: 401 });
  expect(fake.requests).toHaveLength(2);
});

test("a key with a line break causes a stop error, because it is not the mail's fault", async () => {
  const error = await caught(
    realSendgrid({ endpoint: fake.url, apiKey: secretOf('SG.right\n'), instance: 'acme' }).send(aMail(), TIMEOUT),
  );

  expect(error).toMatchObject({ class: 'stop', code: 'SendgridMisconfigured' });
});

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
