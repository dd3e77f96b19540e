import { realSendgrid } from '../../../lib/mail/sendgrid';
import { realDiscord } from '../../../lib/operate/alarms/discord';
import type { CallOptions } from '../../../lib/platform/http';
import { realZendesk } from '../../../lib/queues/feedback/zendesk';
import { realAppStoreConnect } from '../../../lib/queues/testflight/app-store-connect';
import { startFakeAppStoreConnect } from '../../../packages/local/fakes/app-store-connect';
import { startFakeDiscord } from '../../../packages/local/fakes/discord';
import { startFakeSendgrid } from '../../../packages/local/fakes/sendgrid';
import type { Failure } from '../../../packages/local/fakes/server';
import { startFakeZendesk } from '../../../packages/local/fakes/zendesk';
import { APP, seed, TEAM } from '../../support/testflight';
import { allTextOf, aMail, aTicket, caught, PATIENT, secretOf, timedOut } from '../../support/vendors';

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
const file = { name: 'planted-file', contentType: 'text/plain', bytes: Buffer.from('planted text') };
const alarm = { embeds: [{ title: 'planted text', color: 1 }] };
const mail = aMail({ name: 'Planted Name', email: ADDRESS }, { subject: 'planted text', text: 'planted text' });

const NOW = Date.parse('2026-03-01T12:00:00Z');
const now = () => NOW;
const start = async () => ({
  zendesk: await startFakeZendesk({ refuses: { suspended: [ADDRESS] } }),
  sendgrid: await startFakeSendgrid(),
  'app-store-connect': await startFakeAppStoreConnect({ ...TEAM, ...seed(), now }),
  discord: await startFakeDiscord(),
});
type Fakes = Awaited<ReturnType<typeof start>>;
type Vendor = keyof Fakes;

let fakes: Fakes;
beforeAll(async () => {
  fakes = await start();
});
afterEach(() => Promise.all(Object.values(fakes).map((fake) => fake.recover())));
afterAll(() => Promise.all(Object.values(fakes).map((fake) => fake.close())));

const zendesk = () =>
  realZendesk({ endpoint: fakes.zendesk.url, email: 'agent@example.com', token: secretOf(SECRET), now });
const sendgrid = (key = SECRET) =>
  realSendgrid({ endpoint: fakes.sendgrid.url, apiKey: secretOf(key), now, instance: 'acme' });
const apple = () =>
  realAppStoreConnect({
    ...{ ...TEAM, endpoint: fakes['app-store-connect'].url, now },
    privateKey: secretOf(TEAM.privateKey),
  });
/** The whole address of a webhook is a secret. */
const discord = () => realDiscord({ url: secretOf(`${fakes.discord.url}/${SECRET}`), now });

interface Made {
  vendor: Vendor;
  /** A call with the effect `once` must not take effect twice. */
  effect: 'once' | 'repeatable';
  call: (options: CallOptions) => Promise<unknown>;
}
const CALLS = {
  create: {
    ...{ vendor: 'zendesk', effect: 'once' },
    call: (options) => zendesk().createTicket(ticket, { ...options, idempotencyKey: 'planted-id' }),
  },
  find: { vendor: 'zendesk', effect: 'repeatable', call: (options) => zendesk().findTicket('planted-id', options) },
  upload: { vendor: 'zendesk', effect: 'repeatable', call: (options) => zendesk().upload(file, options) },
  mail: { vendor: 'sendgrid', effect: 'once', call: (options) => sendgrid().send(mail, options) },
  tester: {
    ...{ vendor: 'app-store-connect', effect: 'repeatable' },
    call: (options) => apple().findTester({ email: ADDRESS, app: APP }, options),
  },
  invite: {
    ...{ vendor: 'app-store-connect', effect: 'once' },
    call: (options) => apple().invite({ tester: 'planted-id', app: APP }, options),
  },
  alarm: { vendor: 'discord', effect: 'repeatable', call: (options) => discord().send(alarm, options) },
} satisfies Record<string, Made>;
const calls = Object.entries<Made>(CALLS).map(([name, made]) => ({ name, ...made }));

/** The error of a call, which must say nothing private. */
async function failed(call: Promise<unknown>): Promise<ReturnType<typeof caught>> {
  const error = await caught(call);
  expect(PLANTED.filter((word) => allTextOf(error).includes(word))).toEqual([]);
  return error;
}

/** Failures that may have taken effect are ambiguous for a call with the effect `once`. */
const UNANSWERED: [string, Failure, 'doubtful' | 'no effect'][] = [
  ['a refused connection', { down: true }, 'no effect'],
  ['a reset, the effect unknown', { before: 'reset' }, 'doubtful'],
  ['a reset after the effect', { after: 'reset' }, 'doubtful'],
  ['no answer in time, no effect', { before: 'hang' }, 'doubtful'],
  ['no answer in time after the effect', { after: 'hang' }, 'doubtful'],
];

/** The class of each status, and of a vendor's own if it is another. */
const STATUSES: [number, string, Partial<Record<Vendor, string>>?][] = [
  [301, 'stop'],
  [400, 'permanent'],
  [401, 'stop'],
  [402, 'stop', { discord: 'permanent' }],
  [403, 'permanent'],
  [404, 'permanent', { zendesk: 'stop', discord: 'stop' }],
  [405, 'stop', { discord: 'permanent' }],
  [408, 'doubtful', { discord: 'permanent' }],
  [409, 'permanent', { zendesk: 'doubtful' }],
  [413, 'permanent'],
  [422, 'permanent'],
  [429, 'wait'],
  [500, 'doubtful', { sendgrid: 'transient' }],
  [502, 'doubtful'],
  [503, 'doubtful', { sendgrid: 'transient' }],
  [504, 'doubtful'],
  [524, 'doubtful'],
];

const classOf = (what: string, { effect }: { effect: string }): string =>
  what === 'doubtful' ? (effect === 'once' ? 'ambiguous' : 'transient') : what === 'no effect' ? 'transient' : what;
const hangs = ({ before, after }: Failure) => before === 'hang' || after === 'hang';

const unanswered = UNANSWERED.flatMap(([what, failure, kind]) => calls.map((one) => ({ ...one, what, failure, kind })));
test.each(unanswered)('$what: $name is $kind', async ({ failure, kind, call, ...made }) => {
  const { fail, requests } = fakes[made.vendor];
  const before = requests.length;
  fail({ ...failure, times: 'forever' });
  const failedIn = (timeoutMs: number) => failed(call({ timeoutMs }));

  const error = await (hangs(failure) ? timedOut(failedIn, () => requests.length > before) : failed(call(PATIENT)));

  expect(error.class).toBe(classOf(kind, made));
});

const answered = STATUSES.flatMap(([status, kind, own]) => calls.map((one) => ({ ...one, status, kind, ...own })));
test.each(answered)('status $status: $name', async ({ status, call, ...made }) => {
  fakes[made.vendor].fail({ status, times: 'forever', body: ECHO, headers: HEADERS });

  const error = await failed(call(PATIENT));

  const own = made.vendor === 'discord' ? undefined : made.vendor;
  expect(error).toMatchObject({ class: classOf(made[made.vendor] ?? made.kind, made), status });
  // A 403 without a field has a code of its own, because it may be about us.
  expect(error.code === 'Forbidden').toBe(status === 403);
  expect(error.vendor).toBe(own);
});

test.each(calls)('$name: a 503 with Retry-After had no effect, and a 429 may come with an error page', async (made) => {
  const fake = fakes[made.vendor];
  fake.fail({ status: 503, headers: { 'retry-after': '9' } });
  fake.fail({ status: 429, headers: { 'retry-after': '7' }, body: '<html>slow down</html>' });

  expect(await failed(made.call(PATIENT))).toMatchObject({ class: 'wait', waitMs: 9000, status: 503 });
  expect(await failed(made.call(PATIENT))).toMatchObject({ class: 'wait', waitMs: 7000, status: 429 });
});

test('the error for a rejected requester names the field if it looks like a name, and quotes nothing of Zendesk', async () => {
  const rejected = { class: 'permanent', code: 'ZendeskRejected', status: 422 };

  expect(await failed(CALLS.create.call(PATIENT))).toMatchObject({ ...rejected, field: 'requester' });
  fakes.zendesk.fail({ status: 422, body: { details: { 'user@example.com is suspended': [] } } });
  expect(await failed(CALLS.create.call(PATIENT))).toMatchObject({ ...rejected, field: undefined });
});

test('a 400 without its body is ambiguous, because it may be about the idempotency key', async () => {
  fakes.zendesk.fail({ status: 400, body: '{"error":"Idempot' });

  expect(await failed(CALLS.create.call(PATIENT))).toMatchObject({ class: 'ambiguous', status: 400 });
});

test.each(calls)('$name: nothing leaks of an error page or of an error in a success', async ({ vendor, call }) => {
  fakes[vendor].fail({ status: 502, body: `<html>vendor says ${ADDRESS} ${SECRET}</html>` });
  fakes[vendor].fail({ status: vendor === 'discord' ? 400 : 200, body: ECHO });

  await failed(call(PATIENT));
  await failed(call(PATIENT));
});

test('a key that is not valid in a header causes a stop error that does not quote it', async () => {
  const error = await failed(sendgrid(`${SECRET}\n`).send(mail, PATIENT));

  expect(error).toMatchObject({ class: 'stop', code: 'SendgridMisconfigured' });
});

test("the vendors' libraries write nothing to the console", async () => {
  const methods = ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const;
  const spies = methods.map((method) => jest.spyOn(console, method).mockImplementation(() => undefined));
  fakes.zendesk.fail({ status: 422, body: ECHO });
  fakes.sendgrid.fail({ status: 400, body: ECHO });

  await failed(CALLS.create.call(PATIENT));
  await failed(CALLS.mail.call(PATIENT));
  await sendgrid('not-a-sendgrid-key').send(mail, PATIENT);

  expect(spies.flatMap((spy) => spy.mock.calls)).toEqual([]);
  for (const spy of spies) spy.mockRestore();
});

test("after a 404 an alarm goes to the webhook that the secret names now, waits for Discord's check and mentions no user", async () => {
  const { url, webhook, messages, requests } = fakes.discord;
  const removed = `${url}/api/webhooks/1/removed`;

  await realDiscord({ url: secretOf(removed, webhook) }).send(alarm, PATIENT);

  expect(messages).toEqual([{ ...alarm, allowed_mentions: { parse: [] } }]);
  expect(requests.at(-1)?.query).toEqual({ wait: 'true' });
});
