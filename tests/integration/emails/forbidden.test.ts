import { vendorKey } from '../../../lib/jobs/keys';
import { type Emails, messageBody, startEmails } from '../../support/emails';
import { jobId } from '../../support/engine';

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails();
});
afterEach(() => emails.close());

const unverified = (email: string, field: string | null = 'from') => ({
  status: 403,
  times: 'forever' as const,
  bodyContains: email,
  body: { errors: [{ message: `${email} does not match a verified Sender Identity.`, field, help: null }] },
});
const send = (n: number, from: string) =>
  emails.engine.send(messageBody({ from: { email: from } }, { id: jobId(n) }), { group: `g${n}` });
const circuit = () => emails.engine.table.get(vendorKey('sendgrid'));
const states = () => emails.engine.rows().map(({ state }) => state);
const stored = () => JSON.stringify([emails.engine.table.items(), emails.engine.lines, emails.engine.metrics]);

test('mails from unknown senders are parked with the field, and all other mails go on', async () => {
  const { engine, sendgrid } = emails;
  sendgrid.fail(unverified('x@evil.example'));
  sendgrid.fail(unverified('y@evil.example'));
  for (let n = 1; n <= 30; n++) send(n, n % 2 ? 'x@evil.example' : 'y@evil.example');
  send(31, 'team@example.com');

  for (let n = 1; n <= 31; n++) await engine.deliver(1);

  expect(states()).toEqual([...Array.from({ length: 30 }, () => 'dead'), 'succeeded']);
  expect(engine.row(jobId(1)).error).toMatchObject({ code: 'SendgridRejected', status: 403, field: 'from' });
  expect(await circuit()).toBeUndefined();
  expect(stored()).not.toContain('evil');
});

test.each(['from.email', 'reply_to', 'content'])('a 403 about %s only affects its own mail', async (field) => {
  const { engine, sendgrid } = emails;
  sendgrid.fail(unverified('x@evil.example', field));
  send(1, 'x@evil.example');
  await engine.deliver(1);

  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', error: { code: 'SendgridRejected', field } });
  expect(await circuit()).toBeUndefined();
});

test('mails of one sender that get a 403 without a field are parked, and mails of other senders go on', async () => {
  const { engine, sendgrid } = emails;
  sendgrid.fail(unverified('x@evil.example', null));
  for (let n = 1; n <= 30; n++) send(n, 'x@evil.example');
  send(31, 'team@example.com');

  for (let n = 1; n <= 31; n++) await engine.deliver(1);

  expect(states()).toEqual([...Array.from({ length: 30 }, () => 'dead'), 'succeeded']);
  expect(engine.row(jobId(1)).error).toMatchObject({ code: 'Forbidden', status: 403 });
  expect(stored()).not.toContain('evil');
});

test('403s without a field from two senders hold a good mail no longer than until the next trial call', async () => {
  const { engine, sendgrid } = emails;
  for (const name of ['x', 'y']) sendgrid.fail(unverified(`${name}@evil.example`, null));
  for (let n = 1; n <= 30; n++) send(n, n % 2 ? 'x@evil.example' : 'y@evil.example');
  send(31, 'team@example.com');
  for (let n = 1; n <= 31; n++) await engine.deliver(1);
  const held = engine.row(jobId(31)).state;

  engine.clock.advance(60_000);
  await engine.reconcile();
  await engine.deliver(1);

  expect(held).toBe('held');
  expect(engine.row(jobId(31)).state).toBe('succeeded');
  expect((await circuit())?.stoppedAt).toBeUndefined();
});
