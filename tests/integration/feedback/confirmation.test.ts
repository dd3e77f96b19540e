import { bodyKey } from '../../../lib/engine/jobs/keys';
import { resend, settle } from '../../../lib/operate/ops/act';
import { erasePerson } from '../../../lib/operate/ops/erase';
import { stateOf } from '../../../lib/operate/ops/operator';
import { limitVendor } from '../../../lib/operate/ops/pause';
import { type Found, findPerson } from '../../../lib/operate/ops/person';
import { explain } from '../../../packages/console/explain';
import type { FoundJobs } from '../../../packages/console/jobs';
import type { Failure } from '../../../packages/local/fakes/server';
import { testedConsole } from '../../support/console';
import { jobId, PREFIX } from '../../support/engine';
import { feedbackBody, ownUser, startFeedback } from '../../support/feedback';
import { command } from '../../support/operator';

const ID = jobId(1);
const KEPT = bodyKey(PREFIX, 'feedback', ID);
/** How long the sample instance lets a confirmation wait. */
const WAIT_MINUTES = 15;

let service: Awaited<ReturnType<typeof startFeedback>>;
afterEach(() => service.close());

/** Runs a job while SendGrid fails. `repair`: SendGrid works again. */
async function failing(failure: Failure) {
  service = await startFeedback({ events: true });
  const { engine, sendgrid, zendesk } = service;
  sendgrid.fail({ times: 'forever', ...failure });
  await engine.sendAndDeliver(feedbackBody());
  return {
    ...{ engine, sendgrid, zendesk, row: () => engine.row(ID), repair: () => sendgrid.recover() },
    resend: () => resend(engine.deps, engine.row(ID)),
  };
}

const without = (code: string) => ({
  ...{ state: 'succeeded', result: { ticketId: '1', confirmation: `skipped: ${code}` } },
  ...{ without: [{ what: 'confirmation', code }], steps: { ticket: { status: 'done' } } },
});

test.each([
  ['refuses us', { status: 401 }, { state: 'held', reason: 'stopped', vendor: 'sendgrid' }],
  ['has no credits', { status: 402 }, { state: 'held', reason: 'stopped', vendor: 'sendgrid' }],
  ['is down', { status: 503 }, { state: 'held', reason: 'retry' }],
  ['lets us wait', { status: 429 }, { state: 'held', reason: 'throttled' }],
])('while SendGrid %s, the job is held with its ticket, and its mail goes out later', async (_what, failure, held) => {
  const { engine, row, zendesk, sendgrid, repair } = await failing(failure);
  expect(row()).toMatchObject({ ...held, steps: { ticket: { status: 'done' } } });

  repair();
  await engine.minutes(5);

  expect(row()).toMatchObject({ state: 'succeeded', result: { ticketId: '1', confirmation: 'sent' } });
  expect(row()).not.toHaveProperty('without');
  expect([zendesk.tickets, sendgrid.mails]).toMatchObject([{ length: 1 }, { length: 1 }]);
});

test('when the wait is over, the job ends without its mail although the circuit is open, and that is counted', async () => {
  const { engine, row } = await failing({ status: 401 });

  await engine.minutes(WAIT_MINUTES - 1);
  expect(row()).toMatchObject({ state: 'held' });
  await engine.minutes(3);

  expect(row()).toMatchObject(without('SendgridUnauthorized'));
  expect(row()).toMatchObject({ bodyKept: true });
  expect(engine.objects.text(KEPT)).toBe(feedbackBody());
  expect([...Object.values(engine.records()), ...engine.published]).toMatchObject([
    without('SendgridUnauthorized'),
    { state: 'succeeded', without: without('SendgridUnauthorized').without },
  ]);
  expect(engine.metrics).toContainEqual({
    ...{ name: 'JobsWithout', value: 1 },
    dimensions: { queue: 'feedback', what: 'confirmation', code: 'SendgridUnauthorized' },
  });
  expect(stateOf(row())).toBe('succeeded, without its mail: SendgridUnauthorized');
  expect(explain(row(), engine.clock.now())).toMatchObject({
    sentence: 'It succeeded, without its mail: SendgridUnauthorized.',
    next: 'Send the mail, if it is still wanted.',
    actions: ['resend'],
  });
});

test("an operator's pause of SendGrid stops the clock of the wait", async () => {
  const { engine, row, repair } = await failing({ status: 401 });
  await engine.minutes(10);
  await limitVendor({ ...engine.deps, by: 'jane' }, { vendor: 'sendgrid', reason: 'a new key comes tomorrow' });

  await engine.minutes(60);
  expect(row()).toMatchObject({ state: 'held', reason: 'stopped' });
  await engine.deps.circuits.limit('sendgrid', { paused: undefined });
  await engine.minutes(2);
  expect(row()).toMatchObject({ state: 'held', reason: 'stopped' });
  await repair();
  await engine.minutes(20);

  expect(row()).toMatchObject({ state: 'succeeded' });
});

test('sls jobs list finds what a job lacks, and a resend sends only that, rewrites the record and publishes no second end', async () => {
  const { engine, row, zendesk, sendgrid, repair, resend } = await failing({ status: 400 });
  expect(row()).toMatchObject(without('SendgridRejected'));
  const console_ = await testedConsole(engine);
  const foundIn = (hours: string) => console_.get<FoundJobs>(`jobs?without=confirmation&${hours}`);
  const found = [await foundIn('from=2026-01-02T03'), await foundIn('to=2026-01-02T03')];
  await console_.close();
  expect(found).toMatchObject([{ jobs: [{ id: ID }] }, { jobs: [] }]);
  const listed = (lacks: string) => command(engine, 'jobs list', { without: lacks, from: '2026-01-02T03' });
  expect((await listed('SendgridRejected')).lines.join()).toContain('succeeded, without its mail: SendgridRejected');
  expect((await listed('notification')).lines).toEqual(['No jobs.']);

  await repair();
  await command(engine, 'jobs resend', { id: ID });
  await engine.work();
  await engine.reconcile();

  expect(row()).toMatchObject({ state: 'succeeded', generation: 1, result: { ticketId: '1', confirmation: 'sent' } });
  expect(row()).not.toHaveProperty('without');
  expect(Object.values(engine.records())).toMatchObject([{ result: { confirmation: 'sent' } }]);
  expect([zendesk.tickets, sendgrid.mails, engine.published].map(({ length }) => length)).toEqual([1, 1, 1]);
  expect(engine.objects.keys()).not.toContain(KEPT);
  expect(engine.metrics.filter(({ name, value }) => name === 'JobsSucceeded' && value > 0)).toHaveLength(1);
  await expect(resend()).rejects.toThrow('only the mail that a succeeded job lacks can be sent');
});

test('an erasure finds the body of a job that lacks its mail, and then nothing sends it', async () => {
  const { engine, row, resend } = await failing({ status: 400 });
  const person = { email: 'user@example.com', user: 'user-1' };
  const found: Found[] = [];
  for await (const one of findPerson(engine.deps, person)) found.push(one);

  await erasePerson(engine.deps, person, { found });

  expect(found.map(({ place }) => place)).toContain('bodies');
  expect(engine.objects.keys()).not.toContain(KEPT);
  expect(stateOf(row())).toBe('succeeded, without its mail: SendgridRejected, erased');
  await expect(resend()).rejects.toThrow('was erased');
});

test('a resend that SendGrid refuses too ends without its mail again', async () => {
  const { engine, row, resend } = await failing({ status: 400 });

  await resend();
  await engine.work();

  expect(row()).toMatchObject(without('SendgridRejected'));
});

test.each(['done', 'skipped'] as const)('a mail that may be out is settled as %s before a resend', async (as) => {
  const { engine, row, sendgrid, repair, resend } = await failing({ after: 'reset' });
  expect(row()).toMatchObject({ result: { confirmation: 'unknown' }, without: [{ code: 'StepUnknown' }] });
  expect(stateOf(row())).toBe('succeeded, perhaps without its mail');
  await expect(resend()).rejects.toThrow('may have sent its mail');

  repair();
  await settle(engine.deps, { row: row(), step: 'confirmation', as });
  await engine.minutes(1);

  if (as === 'done') {
    expect(row()).toMatchObject({ result: { confirmation: 'sent' }, steps: { confirmation: { status: 'done' } } });
    expect(row()).not.toHaveProperty('without');
    return;
  }
  expect(row()).toMatchObject(without('operator'));
  await resend();
  await engine.work();
  expect(row()).toMatchObject({ state: 'succeeded', result: { confirmation: 'sent' } });
  expect(sendgrid.mails).toHaveLength(2);
});

test('a job whose ticket is made never dies for its mail: not with spent attempts, crashes or a lost body', async () => {
  const { engine, row } = await failing({ status: 503 });
  const { ledger } = engine.deps;
  await ledger.write({ ...row(), attempts: 9, failingSince: 0 }, row().version);
  await engine.minutes(3);
  expect(row()).toMatchObject({ state: 'held' });

  await engine.objects.delete(KEPT);
  await engine.minutes(WAIT_MINUTES);

  expect(row()).toMatchObject(without('BodyMissing'));
  await expect(resend(engine.deps, row())).rejects.toThrow('its body is gone');
});

test.each([
  ['drops connections', { before: 'reset' }],
  ['answers that a gateway failed', { status: 502 }],
] as const)(
  'while SendGrid %s for two hours, one mail of fifty is unknown, and all others go out',
  async (_what, failure) => {
    service = await startFeedback({ waitMs: 24 * 3_600_000 });
    const { engine, sendgrid, zendesk } = service;
    sendgrid.fail({ times: 'forever', ...failure });

    for (let n = 1; n <= 50; n++) {
      await engine.sendAndDeliver(feedbackBody(ownUser(`user-${n}`), { id: jobId(n) }), { group: `g${n}` });
      await engine.minutes(2);
    }
    await sendgrid.recover();
    await engine.minutes(10);

    const lacks = engine.rows().flatMap(({ without = [] }) => without);
    expect(lacks).toEqual([{ what: 'confirmation', code: 'StepUnknown' }]);
    expect([zendesk.tickets.length, new Set(sendgrid.mails.map(({ to }) => to[0])).size]).toEqual([50, 49]);
    expect(sendgrid.mails).toHaveLength(49);
  },
);

test('a SendGrid that asks each confirmation to wait is told within ten minutes', async () => {
  const { engine } = await failing({ status: 429, headers: { 'retry-after': '60' } });

  await engine.minutes(9);

  expect(engine.facts).toMatchObject([{ fact: 'vendor-throttles', subject: 'sendgrid', count: 1, on: true }]);
});
