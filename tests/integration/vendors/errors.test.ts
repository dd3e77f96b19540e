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
/** What the vendor repeats of the request. */
const ECHO = { error: 'RecordInvalid', description: `vendor says ${ADDRESS}`, details: { [ADDRESS]: [SECRET] } };
const HEADERS = { 'x-echo': SECRET, location: `https://example.com/${ADDRESS}` };
const ticket = aTicket({
  ...{ external_id: 'planted-id', subject: 'planted text', comment: { body: 'planted text' } },
  requester: { name: 'Planted Name', email: ADDRESS },
});
const mail = aMail({ name: 'Planted Name', email: ADDRESS }, { subject: 'planted text', text: 'planted text' });

const NOW = Date.parse('2026-03-01T12:00:00Z');
let fakes: { zendesk: FakeZendesk; sendgrid: FakeSendgrid };

beforeEach(async () => {
  fakes = { zendesk: await startFakeZendesk({ suspended: [ADDRESS] }), sendgrid: await startFakeSendgrid() };
});
afterEach(() => Promise.all([fakes.zendesk.close(), fakes.sendgrid.close()]));

/** The four kinds of calls, each to its fake. */
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
type Call = keyof typeof CALLS;

const zendesk = () =>
  realZendesk({ endpoint: fakes.zendesk.url, email: 'agent@example.com', token: secretOf(SECRET), now: () => NOW });
const sendgrid = (key = SECRET) =>
  realSendgrid({ endpoint: fakes.sendgrid.url, apiKey: secretOf(key), now: () => NOW, instance: 'acme' });
/** The error of a call, which must say nothing private. */
async function failed(call: Promise<unknown>): Promise<ReturnType<typeof caught>> {
  const error = await caught(call);
  expect(PLANTED.filter((word) => allTextOf(error).includes(word))).toEqual([]);
  return error;
}
const fakeOf = (call: Call) => (call === 'send' ? fakes.sendgrid : fakes.zendesk);

/** Each row has a failure and its class for each call. */
const UNANSWERED: [string, Failure, Record<Call, string>][] = [
  ['a refused connection', { down: true }, all('transient')],
  ['a reset, the effect unknown', { before: 'reset' }, writes('ambiguous', 'transient')],
  ['a reset after the effect', { after: 'reset' }, writes('ambiguous', 'transient')],
  ['no answer in time, no effect', { before: 'hang' }, writes('ambiguous', 'transient')],
  ['no answer in time after the effect', { after: 'hang' }, writes('ambiguous', 'transient')],
];

const STATUSES: [number, Record<Call, string>][] = [
  [301, all('stop')],
  [400, all('permanent')],
  [401, all('stop')],
  [402, all('stop')],
  [403, all('permanent')],
  [404, { create: 'stop', find: 'stop', upload: 'stop', send: 'permanent' }],
  [405, all('stop')],
  [408, writes('ambiguous', 'transient')],
  [409, { create: 'ambiguous', find: 'transient', upload: 'transient', send: 'permanent' }],
  [413, all('permanent')],
  [418, all('permanent')],
  [422, all('permanent')],
  [429, all('wait')],
  [500, { create: 'ambiguous', find: 'transient', upload: 'transient', send: 'transient' }],
  [502, writes('ambiguous', 'transient')],
  [503, { create: 'ambiguous', find: 'transient', upload: 'transient', send: 'transient' }],
  [504, writes('ambiguous', 'transient')],
  [524, writes('ambiguous', 'transient')],
];

function all(result: string): Record<Call, string> {
  return { create: result, find: result, upload: result, send: result };
}
/** Create and send must not take effect twice. Find and upload may. */
function writes(once: string, repeatable: string): Record<Call, string> {
  return { create: once, send: once, find: repeatable, upload: repeatable };
}

const names = Object.keys(CALLS) as Call[];
const hangs = ({ before, after }: Failure) => before === 'hang' || after === 'hang';

test.each(
  UNANSWERED.flatMap(([what, failure, expected]) =>
    names.map((call) => ({ what, failure, call, expected: expected[call] })),
  ),
)('$what: $call is $expected', async ({ failure, call, expected }) => {
  fakeOf(call).fail({ ...failure, times: 'forever' });

  // On a busy machine, even the connection takes longer than a short time.
  const error = await failed(CALLS[call](hangs(failure) ? 500 : 5000));

  expect(error.class).toBe(expected);
});

test.each(STATUSES.flatMap(([status, expected]) => names.map((call) => ({ status, call, expected: expected[call] }))))(
  'status $status: $call is $expected',
  async ({ status, call, expected }) => {
    fakeOf(call).fail({ status, times: 'forever', body: ECHO, headers: HEADERS });

    const error = await failed(CALLS[call](5000));

    expect(error).toMatchObject({ class: expected, status, vendor: call === 'send' ? 'sendgrid' : 'zendesk' });
  },
);

test.each(names)('%s: a 503 with Retry-After had no effect, and a 429 may come with an error page', async (call) => {
  fakeOf(call).fail({ status: 503, headers: { 'retry-after': '9' } });
  fakeOf(call).fail({ status: 429, headers: { 'retry-after': '7' }, body: '<html>slow down</html>' });

  expect(await failed(CALLS[call](5000))).toMatchObject({ class: 'wait', waitMs: 9000, status: 503 });
  expect(await failed(CALLS[call](5000))).toMatchObject({ class: 'wait', waitMs: 7000, status: 429 });
});

test.each(names)('%s: a 403 without a field gets its own code, because it may be about us', async (call) => {
  fakeOf(call).fail({ status: 403 });

  expect(await failed(CALLS[call](5000))).toMatchObject({ class: 'permanent', code: 'Forbidden', status: 403 });
});

test('the error for a rejected requester names the field and does not quote Zendesk, which repeats the address', async () => {
  expect(await failed(CALLS.create(5000))).toMatchObject({
    class: 'permanent',
    code: 'ZendeskRejected',
    status: 422,
    field: 'requester',
  });
});

test('the error for a rejected mail names the field and does not quote SendGrid', async () => {
  const error = await failed(sendgrid().send(aMail({ email: 'nobody' }), { timeoutMs: 5000 }));

  expect(error).toMatchObject({ code: 'SendgridRejected', status: 400, field: 'personalizations.0.to.0.email' });
});

test('a field that does not look like a name is omitted', async () => {
  fakes.zendesk.fail({ status: 422, body: { details: { 'user@example.com is suspended': [] } } });

  expect((await failed(CALLS.create(5000))).field).toBeUndefined();
});

test('a 400 without its body is ambiguous, because it may be about the idempotency key', async () => {
  fakes.zendesk.fail({ status: 400, body: '{"error":"Idempot' });

  expect(await failed(CALLS.create(5000))).toMatchObject({ class: 'ambiguous', status: 400 });
});

test.each(names)('the error of %s leaks nothing of an error page or of an error in a success', async (call) => {
  fakeOf(call).fail({ status: 502, body: `<html>vendor says ${ADDRESS} ${SECRET}</html>` });
  fakeOf(call).fail({ status: 200, body: ECHO });

  await failed(CALLS[call](5000));
  await failed(CALLS[call](5000));
});

test('the error does not quote a key that is not valid in a header', async () => {
  await failed(sendgrid(`${SECRET}\n`).send(mail, { timeoutMs: 5000 }));
});

test("the vendors' libraries write nothing to the console", async () => {
  const methods = ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const;
  const spies = methods.map((method) => jest.spyOn(console, method).mockImplementation(() => undefined));
  fakes.zendesk.fail({ status: 422, body: ECHO });
  fakes.sendgrid.fail({ status: 400, body: ECHO });

  await failed(CALLS.create(5000));
  await failed(CALLS.send(5000));
  await sendgrid('not-a-sendgrid-key').send(mail, { timeoutMs: 5000 });

  expect(spies.flatMap((spy) => spy.mock.calls)).toEqual([]);
  for (const spy of spies) spy.mockRestore();
});
