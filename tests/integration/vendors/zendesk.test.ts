import { realZendesk, type Zendesk } from '../../../lib/queues/feedback/zendesk';
import { startFakeZendesk } from '../../../packages/local/fakes/zendesk';
import { aTicket, caught, PATIENT, secretOf } from '../../support/vendors';

const EMAIL = 'agent@example.com';
let fake: Awaited<ReturnType<typeof startFakeZendesk>>;
let zendesk: Zendesk;
let now: number;

beforeEach(async () => {
  now = Date.parse('2026-03-01T12:00:00Z');
  fake = await startFakeZendesk({ email: EMAIL, token: 'right', now: () => now });
  zendesk = realZendesk({ endpoint: fake.url, email: EMAIL, token: secretOf('right'), now: () => now });
});
afterEach(() => fake.close());

const create = (ticket = aTicket(), idempotencyKey = 'key-1') =>
  zendesk.createTicket(ticket, { ...PATIENT, idempotencyKey });

test('each call has its own idempotency key, even at the same time', async () => {
  const keys = ['key-1', 'key-2', 'key-3'];

  await Promise.all(keys.map((key) => create(aTicket({ external_id: key }), key)));

  expect(fake.requests.map(({ headers }) => headers['idempotency-key']).sort()).toEqual(keys);
  expect(fake.tickets.map(({ external_id }) => external_id).sort()).toEqual(keys);
});

test('a key that was used with another body means that the ticket exists, not that the job is invalid', async () => {
  await create();

  const error = await caught(create(aTicket({ subject: 'Another subject' })));

  expect(error).toMatchObject({ class: 'ambiguous', code: 'IdempotentRequestError', status: 400 });
});

test('a created ticket counts as created even if the answer has a Retry-After', async () => {
  fake.fail({ method: 'POST', headers: { 'retry-after': '5' } });

  expect(await create()).toEqual({ id: '1' });
});

test('a lookup finds the oldest ticket with exactly this external id', async () => {
  const ticket = aTicket({ external_id: 'a&b=c #/?' });
  await create(ticket, 'key-1');
  await create(aTicket({ external_id: 'other' }), 'key-2');
  now += 3 * 3_600_000;
  await create(ticket, 'key-1');

  expect(fake.tickets).toHaveLength(3);
  expect(await zendesk.findTicket('a&b=c #/?', PATIENT)).toEqual({ id: '1' });
  expect(await zendesk.findTicket('a', PATIENT)).toBeUndefined();
});

test.each<[string, unknown]>([
  ['a page of a proxy', '<html>All is well</html>'],
  ['nothing', undefined],
  ['an empty object', {}],
  ['null', { ticket: null, tickets: null }],
  ['a ticket without an id', { ticket: { subject: 'x' }, tickets: [{}] }],
  ['a ticket with another external id', { tickets: [{ id: 9, external_id: 'other' }] }],
])('a success with %s proves neither a ticket nor its absence, and an upload may be repeated', async (_, body) => {
  fake.fail({ status: 200, body, times: 'forever' });

  expect(await caught(create())).toMatchObject({ class: 'ambiguous', code: 'ZendeskMalformed' });
  const lookup = zendesk.findTicket('job', PATIENT);
  expect(await caught(lookup)).toMatchObject({ class: 'transient', code: 'ZendeskMalformed' });
  const upload = zendesk.upload({ name: 'a', contentType: 'text/plain', bytes: new Uint8Array() }, PATIENT);
  expect(await caught(upload)).toMatchObject({ class: 'transient', code: 'ZendeskMalformed' });
});

test.each(['links', 'next_page'])('a lookup does not follow the %s of an answer', async (name) => {
  const url = `${fake.url}/tickets.json?page=2`;
  fake.fail({ status: 200, body: { tickets: [], [name]: name === 'links' ? { next: url } : url } });

  await zendesk.findTicket('job', PATIENT);

  expect(fake.requests).toHaveLength(1);
});

test('a file keeps its name and type, also when it is sent again after a 401, and the ticket gets its token', async () => {
  zendesk = realZendesk({ endpoint: fake.url, email: EMAIL, token: secretOf('old', 'right') });
  const bytes = new Uint8Array([0, 255, 10, 13]);

  const { token } = await zendesk.upload({ name: 'größe & more.png', contentType: 'image/png', bytes }, PATIENT);
  await create(aTicket({ comment: { body: 'See the file.', uploads: [token] } }));

  const sent = fake.requests.slice(0, 2).map((request) => [request.headers['content-type'], [...request.bytes]]);
  expect(sent).toEqual(Array(2).fill(['image/png', [...bytes]]));
  expect(fake.tickets[0]?.attachments).toEqual(['größe & more.png']);
});
