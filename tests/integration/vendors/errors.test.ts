import type { Failure } from '../../../lib/local/fakes/failures';
import { type FakeSendgrid, startFakeSendgrid } from '../../../lib/local/fakes/sendgrid';
import { type FakeZendesk, startFakeZendesk } from '../../../lib/local/fakes/zendesk';
import { realSendgrid } from '../../../lib/vendors/sendgrid';
import { realZendesk } from '../../../lib/vendors/zendesk';
import { aMail, aTicket, caught, secretOf } from '../../support/vendors';

const NOW = Date.parse('2026-03-01T12:00:00Z');
let fakes: { zendesk: FakeZendesk; sendgrid: FakeSendgrid };

beforeEach(async () => {
  fakes = { zendesk: await startFakeZendesk(), sendgrid: await startFakeSendgrid() };
});
afterEach(() => Promise.all([fakes.zendesk.close(), fakes.sendgrid.close()]));

/** The four kinds of calls, each to its fake. */
const CALLS = {
  create: (timeoutMs: number) =>
    zendesk().createTicket(aTicket(), { timeoutMs, idempotencyKey: '0190a1b2-0000-7000-8000-000000000001' }),
  find: (timeoutMs: number) => zendesk().findTicket('0190a1b2-0000-7000-8000-000000000001', { timeoutMs }),
  upload: (timeoutMs: number) =>
    zendesk().upload({ name: 'a.txt', contentType: 'text/plain', bytes: new Uint8Array(3) }, { timeoutMs }),
  send: (timeoutMs: number) => sendgrid().send(aMail(), { timeoutMs }),
};
type Call = keyof typeof CALLS;

const zendesk = () =>
  realZendesk({ endpoint: fakes.zendesk.url, email: 'agent@example.com', token: secretOf('token'), now: () => NOW });
const sendgrid = () =>
  realSendgrid({ endpoint: fakes.sendgrid.url, apiKey: secretOf('SG.key'), now: () => NOW, instance: 'acme' });
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

test.each(
  UNANSWERED.flatMap(([what, failure, expected]) =>
    names.map((call) => ({ what, failure, call, expected: expected[call] })),
  ),
)('$what: $call is $expected', async ({ failure, call, expected }) => {
  fakeOf(call).fail({ ...failure, times: 'forever' });

  const error = await caught(CALLS[call](100));

  expect(error.class).toBe(expected);
});

test.each(STATUSES.flatMap(([status, expected]) => names.map((call) => ({ status, call, expected: expected[call] }))))(
  'status $status: $call is $expected',
  async ({ status, call, expected }) => {
    fakeOf(call).fail({ status, times: 'forever', body: { error: 'Whatever', errors: [] } });

    const error = await caught(CALLS[call](5000));

    expect(error).toMatchObject({ class: expected, status, vendor: call === 'send' ? 'sendgrid' : 'zendesk' });
  },
);

test.each(names)('%s: a 503 with Retry-After had no effect, and a 429 may come with an error page', async (call) => {
  fakeOf(call).fail({ status: 503, headers: { 'retry-after': '9' } });
  fakeOf(call).fail({ status: 429, headers: { 'retry-after': '7' }, body: '<html>slow down</html>' });

  expect(await caught(CALLS[call](5000))).toMatchObject({ class: 'wait', waitMs: 9000, status: 503 });
  expect(await caught(CALLS[call](5000))).toMatchObject({ class: 'wait', waitMs: 7000, status: 429 });
});

test.each(names)('%s: a 403 without a field gets its own code, because it may be about us', async (call) => {
  fakeOf(call).fail({ status: 403 });

  expect(await caught(CALLS[call](5000))).toMatchObject({ class: 'permanent', code: 'Forbidden', status: 403 });
});

test('the error for a rejected requester names the field and does not quote Zendesk', async () => {
  const suspended = aTicket({ requester: { name: 'A User', email: 'suspended@example.com' } });

  const error = await caught(zendesk().createTicket(suspended, { timeoutMs: 5000, idempotencyKey: 'key' }));

  expect(error).toMatchObject({ class: 'permanent', code: 'ZendeskRejected', status: 422, field: 'requester' });
});

test('the error for a rejected mail names the field and does not quote SendGrid', async () => {
  const error = await caught(sendgrid().send(aMail({ email: 'nobody' }), { timeoutMs: 5000 }));

  expect(error).toMatchObject({ code: 'SendgridRejected', status: 400, field: 'personalizations.0.to.0.email' });
});

test('a field that does not look like a name is omitted', async () => {
  fakes.zendesk.fail({ status: 422, body: { details: { 'user@example.com is suspended': [] } } });

  expect((await caught(CALLS.create(5000))).field).toBeUndefined();
});

test('a 400 without its body is ambiguous, because it may be about the idempotency key', async () => {
  fakes.zendesk.fail({ status: 400, body: '{"error":"Idempot' });

  expect(await caught(CALLS.create(5000))).toMatchObject({ class: 'ambiguous', status: 400 });
});
