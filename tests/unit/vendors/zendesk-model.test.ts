import { zendeskModel } from '../../../lib/local/fakes/zendesk-model';
import { ticketBody } from '../../../lib/vendors/zendesk';
import { aTicket } from '../../support/vendors';

const HOUR = 3_600_000;
let now: number;
const model = (suspended?: string[]) => zendeskModel({ now: () => now, ...(suspended ? { suspended } : {}) });
const body = (changes = {}) => ticketBody(aTicket(changes));
const withUpload = (token: string) => ({ comment: { body: 'See the file.', uploads: [token] } });

beforeEach(() => {
  now = Date.parse('2026-03-01T12:00:00Z');
});

test('an idempotency key answers the same ticket for two hours', () => {
  const zendesk = model();

  const first = zendesk.createTicket(body(), 'key');
  now += 2 * HOUR - 1;
  const second = zendesk.createTicket(body(), 'key');
  now += 1;
  const third = zendesk.createTicket(body(), 'key');

  expect(first.headers).toEqual({ 'x-idempotency-lookup': 'miss' });
  expect(second).toEqual({ ...first, headers: { 'x-idempotency-lookup': 'hit' } });
  expect(third.headers).toEqual({ 'x-idempotency-lookup': 'miss' });
  expect(zendesk.tickets).toHaveLength(2);
});

test('a key with another body is refused and creates nothing', () => {
  const zendesk = model();

  zendesk.createTicket(body(), 'key');
  const reply = zendesk.createTicket(body({ subject: 'Another' }), 'key');

  expect(reply).toMatchObject({ status: 400, json: { error: 'IdempotentRequestError' } });
  expect(zendesk.tickets).toHaveLength(1);
});

test('a refused ticket does not use up its key', () => {
  const zendesk = model();

  zendesk.createTicket(body({ requester: { name: 'A', email: 'nobody' } }), 'key');

  expect(zendesk.createTicket(body(), 'key').status).toBe(201);
});

test('users are matched by address in upper or lower case', () => {
  const zendesk = model();

  zendesk.createTicket(body({ requester: { name: 'A', email: 'User@Example.com' } }));
  zendesk.createTicket(body({ requester: { name: 'B', email: 'user@example.com' } }));
  zendesk.createTicket(body({ requester: { name: 'C', email: 'USER@example.com' } }));

  expect(zendesk.users).toHaveLength(1);
  expect(zendesk.tickets.map((ticket) => ticket.requester_id)).toEqual([1, 1, 1]);
});

test('an upload token lasts an hour', () => {
  const zendesk = model();
  zendesk.upload({ name: 'a.txt', contentType: 'text/plain', size: 1 });

  now += HOUR;
  expect(zendesk.createTicket(body(withUpload('upload-1'))).status).toBe(201);
  now += 1;
  expect(zendesk.createTicket(body(withUpload('upload-1'))).status).toBe(422);
});

test.each([
  ['a suspended requester', { requester: { name: 'A', email: 'gone@example.com' } }, 'requester'],
  ['an invalid address', { requester: { name: 'A', email: 'nobody' } }, 'requester'],
  ['a requester without a name', { requester: { name: ' ', email: 'user@example.com' } }, 'requester'],
  ['a blank comment', { comment: { body: ' \n' } }, 'comment'],
  ['a comment that is too long', { comment: { body: 'x'.repeat(65_537) } }, 'comment'],
  ['a subject that is too long', { subject: 'x'.repeat(151) }, 'subject'],
  ['an unknown upload token', withUpload('upload-9'), 'base'],
])('%s causes a 422 that names the field', (_, changes, field) => {
  const zendesk = model(['gone@example.com']);

  const reply = zendesk.createTicket(body(changes));

  expect(reply).toMatchObject({ status: 422, json: { error: 'RecordInvalid', details: { [field]: [{}] } } });
  expect(zendesk.tickets).toEqual([]);
});
