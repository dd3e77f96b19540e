import type { Failure } from '../../../lib/local/fakes/failures';
import { type FakeSendgrid, startFakeSendgrid } from '../../../lib/local/fakes/sendgrid';
import { type FakeZendesk, startFakeZendesk } from '../../../lib/local/fakes/zendesk';
import { realSendgrid } from '../../../lib/vendors/sendgrid';
import { realZendesk } from '../../../lib/vendors/zendesk';
import { allTextOf, aMail, aTicket, caught, secretOf } from '../../support/vendors';

/** No error may contain any of these: secrets, personal data and the vendor's text. */
const SECRET = 'SG.planted-secret';
const BASIC = Buffer.from(`agent@example.com/token:${SECRET}`).toString('base64');
const ADDRESS = 'planted-user@example.com';
const PLANTED = [SECRET, BASIC, ADDRESS, 'Planted Name', 'planted text', 'planted-id', 'planted-file', 'vendor says'];

const ECHO = { error: 'RecordInvalid', description: `vendor says ${ADDRESS}`, details: { [ADDRESS]: [SECRET] } };
const FAILURES: [string, Failure][] = [
  ['an error page', { status: 502, body: `<html>vendor says ${ADDRESS} ${SECRET}</html>` }],
  ...[301, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503].map((status): [string, Failure] => [
    `a ${status} that repeats the request`,
    {
      status,
      body: ECHO,
      headers: { 'retry-after': '1', 'x-echo': SECRET, location: `https://example.com/${ADDRESS}` },
    },
  ]),
  ['a success with an error body', { status: 200, body: ECHO }],
  ['a reset', { before: 'reset' }],
  ['a reset after the effect', { after: 'reset' }],
  ['a time-out', { before: 'hang' }],
  ['a refused connection', { down: true }],
];

let fakes: { zendesk: FakeZendesk; sendgrid: FakeSendgrid };
beforeEach(async () => {
  fakes = { zendesk: await startFakeZendesk({ suspended: [ADDRESS] }), sendgrid: await startFakeSendgrid() };
});
afterEach(() => Promise.all([fakes.zendesk.close(), fakes.sendgrid.close()]));

const ticket = aTicket({
  external_id: 'planted-id',
  subject: 'planted text',
  comment: { body: 'planted text' },
  requester: { name: 'Planted Name', email: ADDRESS },
});
const mail = aMail({ name: 'Planted Name', email: ADDRESS }, { subject: 'planted text', text: 'planted text' });

const zendesk = () => realZendesk({ endpoint: fakes.zendesk.url, email: 'agent@example.com', token: secretOf(SECRET) });
const sendgrid = (key = SECRET) =>
  realSendgrid({ endpoint: fakes.sendgrid.url, apiKey: secretOf(key), instance: 'acme' });
const CALLS = {
  create: (timeoutMs: number) => zendesk().createTicket(ticket, { timeoutMs, idempotencyKey: 'planted-id' }),
  find: (timeoutMs: number) => zendesk().findTicket('planted-id', { timeoutMs }),
  upload: (timeoutMs: number) =>
    zendesk().upload(
      { name: 'planted-file', contentType: 'text/plain', bytes: Buffer.from('planted text') },
      { timeoutMs },
    ),
  send: (timeoutMs: number) => sendgrid().send(mail, { timeoutMs }),
};
const names = Object.keys(CALLS) as (keyof typeof CALLS)[];

const leaksOf = (error: Error) => PLANTED.filter((word) => allTextOf(error).includes(word));

test.each(FAILURES.flatMap(([what, failure]) => names.map((call) => ({ what, failure, call }))))(
  'the error of $call leaks nothing after $what',
  async ({ failure, call }) => {
    fakes[call === 'send' ? 'sendgrid' : 'zendesk'].fail({ ...failure, times: 'forever' });

    const error = await caught(CALLS[call](100));

    expect(leaksOf(error)).toEqual([]);
  },
);

test("the error does not contain a suspended requester's address, which Zendesk repeats", async () => {
  expect(leaksOf(await caught(CALLS.create(5000)))).toEqual([]);
});

test('the error does not quote a key that is not valid in a header', async () => {
  const error = await caught(sendgrid(`${SECRET}\n`).send(mail, { timeoutMs: 5000 }));

  expect(leaksOf(error)).toEqual([]);
});

test("the vendors' libraries write nothing to the console", async () => {
  const methods = ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const;
  const spies = methods.map((method) => jest.spyOn(console, method).mockImplementation(() => undefined));
  fakes.zendesk.fail({ status: 422, body: ECHO });
  fakes.sendgrid.fail({ status: 400, body: ECHO });

  await caught(CALLS.create(5000));
  await caught(CALLS.send(5000));
  await sendgrid('not-a-sendgrid-key').send(mail, { timeoutMs: 5000 });

  expect(spies.flatMap((spy) => spy.mock.calls)).toEqual([]);
  for (const spy of spies) spy.mockRestore();
});
