import { auditKey } from '../../../lib/engine/jobs/keys';
import { personOf } from '../../../lib/engine/jobs/person-hash';
import type { JobEvent, JobRow, Reason, State } from '../../../lib/engine/jobs/row';
import type { Overview } from '../../../lib/operate/ops/overview';
import { PermanentError, StoreError } from '../../../lib/platform/errors';
import { chunkId } from '../../../lib/queues/emails/campaigns/campaign';
import { eventFolder } from '../../../lib/queues/emails/events/webhook';
import type { CampaignPage } from '../../../packages/console/api';
import { explain, timeline } from '../../../packages/console/explain';
import type { DeadLetters, FoundJobs, JobPage } from '../../../packages/console/jobs';
import { page } from '../../../packages/console/serve';
import { acceptedRow } from '../../support/accepted-row';
import { type TestedConsole, testedConsole } from '../../support/console';
import { layParked } from '../../support/dead-letters';
import { memoryDeployment } from '../../support/deployment';
import { CAMPAIGN, startEmails } from '../../support/emails';
import { envelope, jobId, type memoryEngine, PREFIX } from '../../support/engine';
import { feedbackBody, startFeedback } from '../../support/feedback';
import { hashed } from '../../support/hash-people';
import { inState } from '../../support/in-state';
import { memoryClock } from '../../support/memory-clock';
import { sampleEngine } from '../../support/sample-contract';

const HOUR = 3_600_000;
const ADDRESS = 'a@ex.com';
const RETRY = { action: 'job.retry', input: { queue: 'sample', id: jobId(1) } };

let open: TestedConsole | undefined;
afterEach(() => open?.close());

/** A console over a queue with one dead job, whose data holds an address. */
async function started({ message = 'rejected', write = false, data = { name: ADDRESS } as object } = {}) {
  const { engine } = sampleEngine(({ data }) => {
    if (data.name === ADDRESS) throw new PermanentError({ code: 'Rejected', message });
  });
  await engine.sendAndDeliver(envelope(1, { data, correlationid: 'request-1' }));
  const memory = memoryDeployment(engine);
  const chat: string[] = [];
  const publishAlarm = async ({ text }: { text: string }) => void chat.push(text);
  open = await testedConsole(engine, { deployment: { ...memory.deployment, publishAlarm }, write });
  return { engine, console_: open, on: memory.on, chat };
}

const audits = ({ objects }: ReturnType<typeof memoryEngine>) =>
  objects
    .keys()
    .filter((key) => key.startsWith(`${PREFIX}/_audit/`))
    .map((key) => JSON.parse(objects.text(key)));

test('the script and the style of the page have at most 80 KB', async () => {
  const files = Object.values(await page());

  expect(Buffer.byteLength(files.join(''))).toBeLessThan(80_000);
});

test('a job shows its reason in a sentence, its timeline and its record, and no confidential result of a step', async () => {
  const { engine, console_ } = await started();
  const upload = { status: 'done' as const, startedAt: 0, endedAt: 1, confidential: 'token-1' };
  await engine.deps.ledger.update(`sample#${jobId(1)}`, (row) => ({ ...row, steps: { ...row.steps, upload } }));

  const job = await console_.get<JobPage>(`job?queue=sample&id=${jobId(1)}`);

  expect(job).toMatchObject({
    state: 'dead (error)',
    explained: { sentence: 'It cannot succeed: rejected (Rejected).', actions: ['retry', 'discard'] },
    job: { id: jobId(1), state: 'dead', error: { code: 'Rejected' }, steps: { upload: { status: 'done' } } },
  });
  expect(JSON.stringify(job)).not.toContain('token-1');
  expect(job.timeline.map(({ label }) => label)).toContain('dead (error), attempt 1');
  expect(await console_.get('job?id=nothing')).toEqual({ error: expect.stringContaining('no job nothing') });
});

test('personal data is not in any answer until someone asks: the data has only names, kinds and lengths', async () => {
  const data = { name: ADDRESS, more: { [ADDRESS]: 1 }, tags: ['a'], [ADDRESS]: null };
  const { console_ } = await started({ data });

  const paths = [`job?id=${jobId(1)}`, `data?queue=sample&id=${jobId(1)}`, 'dead', 'jobs', 'overview', 'analytics'];
  const answers = await Promise.all(paths.map((path) => console_.get(path)));

  expect(JSON.stringify(answers)).not.toContain(ADDRESS);
  expect(answers[1]).toEqual({
    data: { name: 'text, 8 characters', more: 'object with 1 field', tags: 'list of 1', hidden: 'null' },
  });
});

test('personal data is shown on request, after an audit object was stored, and not without one', async () => {
  const { engine, console_ } = await started();

  const { json } = await console_.post('reveal', RETRY.input);

  expect(json).toMatchObject({ data: { name: ADDRESS } });
  const audit = { action: 'console job.reveal', arguments: RETRY.input, by: expect.any(String) };
  expect(audits(engine)).toMatchObject([audit]);
  // What the bucket does not give a reader leaves an audit object too.
  const denied = new StoreError({ code: 'S3.AccessDenied', message: 'S3 refused GetObject' });
  jest.spyOn(engine.deps.objects, 'get').mockRejectedValueOnce(denied);
  expect(await console_.post('reveal', RETRY.input)).toMatchObject({ status: 502 });
  expect(audits(engine)).toMatchObject([audit, audit]);
  // An audit object that cannot be written is an error, which says nothing of the data.
  jest.spyOn(engine.deps.objects, 'create').mockRejectedValue(new Error(`unknown to ${ADDRESS}`));
  const logged = jest.spyOn(console, 'error');
  const failed = { status: 500, json: { error: 'The console failed. This is a bug.' } };
  expect(await console_.post('reveal', RETRY.input)).toEqual(failed);
  expect(logged).not.toHaveBeenCalled();
});

test('a campaign has its events over time in at most sixty steps, which add up to the report', async () => {
  const emails = await startEmails();
  const { id } = await emails.campaign();
  open = await testedConsole(emails.engine);
  const named = ['delivered', 'delivered', 'bounce', 'delivered', 'processed'].map((event, n) => ({
    ...{ event, timestamp: Math.floor(emails.engine.clock.now() / 1000) + ([0, 30, 90, 86_400][n] ?? 0), recipient: n },
    ...{ job: chunkId(id, 0), campaign: id, messageId: `m${n}` },
  }));
  const folder = eventFolder(PREFIX, { queue: 'emails', time: emails.engine.clock.now(), campaign: id });
  const lines = named.map((event) => JSON.stringify(event)).join('\n');
  await emails.engine.objects.put(`${folder}a.ndjson`, lines, 'application/x-ndjson');

  emails.engine.clock.advance(86_400_000);
  const { outcomes, report } = await open.get<CampaignPage>(`campaign?id=${id}`);
  await emails.close();

  const { from, to, step, lines: shown } = outcomes;
  // SendGrid tells `processed` of each mail before its outcome. Stacked on that, each mail would count twice.
  const at = expect.any(Number);
  expect(shown).toEqual({
    delivered: [
      { at, value: 2 },
      { at, value: 1 },
    ],
    bounce: [{ at, value: 1 }],
  });
  expect(report.events).toEqual({ delivered: 3, bounce: 1, processed: 1 });
  expect([(to - from) / step <= 60, step % 60_000]).toEqual([true, 0]);
});

test('the mail of a recipient of a campaign is shown after an audit object was stored', async () => {
  const emails = await startEmails();
  await emails.campaign();
  open = await testedConsole(emails.engine);

  const { json } = await open.post('mail', { id: CAMPAIGN, number: 12 });
  const refused = await open.post('mail', { id: CAMPAIGN, number: 31 });
  await emails.close();

  expect(json).toMatchObject({
    recipient: { email: 'user-11@example.com' },
    data: { n: 11 },
    note: expect.any(String),
  });
  expect(refused).toMatchObject({ status: 409, json: { error: expect.stringContaining('must be from 1 to 30') } });
  expect(audits(emails.engine)[0]).toMatchObject({ action: 'console campaign.mail', arguments: { id: CAMPAIGN } });
});

test.each([
  ['unless the console was started with --write', { ...RETRY, reason: 'fixed' }, false, '--write'],
  ['in production without a reason', { ...RETRY, reason: ' ' }, true, 'Give a reason'],
  ['that does not exist', { action: 'toString', input: {}, reason: 'r' }, true, 'no such action'],
  ['without its input', { action: 'job.retry', input: {}, reason: 'r' }, true, 'not valid'],
  ['with too much input', { ...RETRY, input: { ...RETRY.input, more: 1 }, reason: 'r' }, true, 'not valid'],
])('an action is refused %s', async (_what, asked, write, error) => {
  const { engine, console_ } = await started({ write });

  const { status, json } = await console_.post('act', asked);

  expect([status, json]).toEqual([409, { error: expect.stringContaining(error) }]);
  expect([engine.inQueue(), audits(engine)]).toEqual([0, []]);
});

test('an action shows the command that does the same, then does it, with an audit object in history and chat', async () => {
  const { engine, console_, chat } = await started({ write: true });

  expect((await console_.post('preview', RETRY)).json.command).toBe(
    `npx sls jobs retry ${jobId(1)} --queue sample --stage prod --param instance=acme --region eu-central-1`,
  );
  expect(engine.inQueue()).toBe(0);
  const { json } = await console_.post('act', { ...RETRY, reason: 'the template is fixed' });

  expect(json.done).toMatch(/was dead \(error\), sent as message/);
  expect(engine.inQueue()).toBe(1);
  const [audit] = audits(engine);
  expect(audit).toMatchObject({ action: 'console job.retry', reason: 'the template is fixed', instance: 'my' });
  expect(engine.objects.keys()).toContain(auditKey(PREFIX, audit.id));
  expect(chat).toEqual([`sls console job.retry, audit ${audit.id}`]);
  expect(engine.row(jobId(1)).history).toContainEqual(expect.objectContaining({ note: `audit ${audit.id}` }));
});

test('an action on all jobs of a filter previews them, acts with the loop of the commands, and shows where they are now', async () => {
  const { engine, console_ } = await started({ write: true });
  const asked = { action: 'jobs.retry', input: { state: 'dead', code: 'Rejected' }, reason: 'fixed' };
  engine.clock.advance(1);

  const preview = await console_.post('preview', asked);
  expect(preview.json).toMatchObject({
    question: expect.stringMatching(/^1 job will be retried, 20 a second.+\n1 × sample dead \(error\) Rejected$/),
    command: expect.stringMatching(/^npx sls jobs retry --state dead --code Rejected --stage prod/),
    danger: false,
  });
  const { json } = await console_.post('act', asked);

  expect(json.done).toMatch(/^1 of 1 job retried\.\nNow 1 × sample queued/);
  expect(audits(engine)).toMatchObject([{ action: 'console jobs.retry', reason: 'fixed' }]);
  const refused = { status: 409, json: { error: 'None of these jobs can be retried.' } };
  expect(await console_.post('preview', asked)).toMatchObject(refused);
});

test('an action makes the trial call of an open circuit now, and a held job says when the next one is', async () => {
  const { console_, engine } = await started({ write: true });
  await engine.deps.circuits.open('zendesk', 'ZendeskUnauthorized');
  const stopped = { state: inState('held'), reason: 'stopped', vendor: 'zendesk', error: UNAUTHORIZED } as const;
  await engine.deps.ledger.update(`sample#${jobId(1)}`, (row) => ({ ...row, ...stopped, retryAt: 0, holds: 1 }));
  const asked = { action: 'vendor.try', input: { vendor: 'zendesk' }, reason: 'the key is renewed' };

  const { explained } = await console_.get<JobPage>(`job?id=${jobId(1)}`);
  const { command } = (await console_.post('preview', asked)).json;
  const { json } = await console_.post('act', asked);

  expect(explained.next).toBe(
    'Renew the key, or sign the agreement. The next trial call is at 2026-01-02 03:05:05 (UTC).',
  );
  expect(command).toMatch(/^npx sls vendors try zendesk --stage prod/);
  expect(json.done).toMatch(new RegExp(`^${jobId(1)} of sample makes the trial call to zendesk`));
  expect(engine.inQueue()).toBe(1);
  expect(audits(engine)).toMatchObject([{ action: 'console vendor.try', reason: 'the key is renewed' }]);
});

test('an action pauses a queue with its reason, and resumes it', async () => {
  const { console_, on } = await started({ write: true });
  const input = { queue: 'sample' };

  const { json } = await console_.post('act', { action: 'queue.pause', input, reason: 'the vendor moves' });
  const { queues } = await console_.get<Overview>('overview');

  expect(json.done).toMatch(/^sample is paused/);
  expect(on.get('sample')).toBe(false);
  expect(queues).toMatchObject([{ queue: 'sample', pause: { by: 'user/jane', reason: 'the vendor moves' } }]);
  await console_.post('act', { action: 'queue.resume', input, reason: 'done' });
  expect(on.get('sample')).toBe(true);
});

test.each([
  [
    { action: 'vendor.pause', input: { vendor: 'zendesk', hours: '2' } },
    'vendors pause zendesk --for 2h',
    { paused: {} },
  ],
  [
    { action: 'vendor.rate', input: { vendor: 'sendgrid', hours: '24', perSecond: '5' } },
    'vendors rate sendgrid --to 5 --for 24h',
    { rate: { perSecond: 5 } },
  ],
])('an action limits a vendor with reason and end, and another ends it: %j', async (asked, command, set) => {
  const { console_, engine } = await started({ write: true });
  const { vendor } = asked.input as { vendor: 'zendesk' };

  const preview = (await console_.post('preview', asked)).json;
  const { status } = await console_.post('act', { ...asked, reason: 'they ask us to' });
  const limits = await engine.deps.circuits.read(vendor);
  await console_.post('act', { action: 'vendor.resume', input: { vendor }, reason: 'over' });

  expect(preview).toMatchObject({ command: expect.stringContaining(`npx sls ${command} --reason`), needsReason: true });
  expect(status).toBe(200);
  expect(limits).toMatchObject(set);
  expect(await engine.deps.circuits.read(vendor)).not.toMatchObject(set);
});

test('an action on selected jobs leaves out those in another state, and names the command of each', async () => {
  const { console_, engine } = await started({ write: true });
  await engine.sendAndDeliver(envelope(2));
  engine.clock.advance(1);
  const jobs = [1, 2].map((n) => ({ queue: 'sample', id: jobId(n) }));
  const asked = { action: 'jobs.discard', input: { jobs }, reason: 'tests' };

  const { question, command } = (await console_.post('preview', asked)).json;
  const { json } = await console_.post('act', asked);

  expect(question).toMatch(/^1 job will be discarded/);
  expect(String(command).split('\n')).toEqual(
    jobs.map(({ id }) => expect.stringContaining(`npx sls jobs discard ${id} --queue sample --stage prod`)),
  );
  expect(json.done).toMatch(/^1 of 1 job discarded/);
});

test('a person is found by place without data, and erased. Audit objects and answers do not name them, and a denial says what is missing', async () => {
  const { console_, engine } = await started({ write: true });
  const of = { person: hashed(personOf(ADDRESS))[0] ?? '', data: { email: ADDRESS, name: ADDRESS } };
  await engine.accept(envelope(2, of));
  await engine.deliver();
  const asked = { action: 'person.erase', input: { email: ADDRESS, user: '' }, reason: 'their request' };
  const find = (scan: boolean) => console_.post('person', { ...asked.input, scan });

  const [quick, whole] = [await find(false), await find(true)];
  const { json: preview } = await console_.post('preview', asked);
  const { json: erased } = await console_.post('act', asked);

  const jobs = [{ queue: 'sample', id: jobId(2) }];
  expect(quick.json).toMatchObject({
    places: [
      ['rows', 1],
      ['bodies', 1],
    ],
    jobs,
    tickets: [],
    unread: [],
  });
  expect(whole.json).toMatchObject({
    places: [
      ['rows', 1],
      ['bodies', 1],
      ['records', 1],
    ],
  });
  expect(preview).toMatchObject({
    needsReason: true,
    question: expect.stringContaining('1 of rows, 1 of bodies, 1 of'),
  });
  expect(preview.command).toMatch(/^npx sls privacy erase --email ADDRESS --stage prod/);
  expect(erased.done).toMatch(/^Erased: 1 of rows, 1 of bodies\. Audit .+\nBy hand at zendesk/);
  expect((await find(true)).json).toMatchObject({ places: [] });
  const looked = { action: 'console privacy.find', arguments: { email: true, user: false, scan: false } };
  expect(audits(engine)).toContainEqual(expect.objectContaining(looked));
  expect(JSON.stringify([audits(engine), whole, preview, erased])).not.toContain(ADDRESS);
  jest.spyOn(engine.deps.objects, 'list').mockRejectedValue(new StoreError({ code: 'S3.AccessDenied', message: 'no' }));
  expect((await find(true)).json.error).toMatch(
    /^no\. To find or erase a person, you also need the policy PrivacyPolicyArn/,
  );
  expect((await console_.post('person', { email: ' ', scan: false })).status).toBe(409);
});

test('a list counts what waits or is dead, and a line says who, why, how long, and what can be done', async () => {
  const { console_ } = await started();

  expect(await console_.get('counts')).toEqual({
    open: { count: 0, more: false },
    held: { count: 0, more: false },
    dead: { count: 1, more: false },
  });
  expect((await search(console_, { state: 'dead' })).jobs).toMatchObject([
    { correlation: 'request-1', took: 0, why: 'It cannot succeed: rejected (Rejected).', can: ['retry', 'discard'] },
  ]);
});

test('the overview asks CloudWatch for at most 30 metrics, and the health on top for one of each queue', async () => {
  const { deployment } = memoryDeployment(sampleEngine(() => {}).engine);
  const queueNames = ['feedback', 'emails', 'testflight', 'analytics'];
  const asked: number[] = [];
  const series = async (queries: readonly unknown[]) => {
    asked.push(queries.length);
    return queries.map(() => []);
  };
  const settings = () => deployment.settings('sample');
  const queueUrl = () => deployment.queueUrl('sample');
  const of = { ...deployment, queueNames, settings, queueUrl, monitoring: { ...deployment.monitoring, series } };
  open = await testedConsole(sampleEngine(() => {}).engine, { deployment: of });

  await open.get('overview');
  await open.get('health');

  expect(asked).toEqual([23, 4]);
});

test('a body of more than two million bytes is refused, also without its length', async () => {
  const { console_ } = await started();
  const sent = { ...console_.headers, origin: `http://${console_.host}`, 'content-type': 'application/json' };

  const { status, body } = await console_.raw('/console/api/preview', {
    method: 'POST',
    headers: { ...sent, 'transfer-encoding': 'chunked' },
    body: JSON.stringify({ action: 'é'.repeat(1_100_000) }),
  });

  expect([status, JSON.parse(body)]).toEqual([413, { error: 'The request is too large.' }]);
});

const search = (console_: TestedConsole, query: Record<string, string>) =>
  console_.get<FoundJobs & { error?: string }>(`jobs?${new URLSearchParams(query)}`);

test('a search by filters says what was read', async () => {
  const { console_ } = await started();

  expect(await search(console_, { q: 'request-1' })).toMatchObject({ by: 'mention', jobs: [{ id: jobId(1) }] });
  expect(await search(console_, { code: 'Other' })).toEqual({
    jobs: [],
    note: expect.stringMatching(/^1 row read. Only jobs that wait or are dead were searched/),
  });
});

test('a search of one text finds an id, a person, a part of an id, and a ticket. Pages of 50 hold the newest jobs first', async () => {
  const { engine, console_ } = await started();
  const ids = async (query: Record<string, string>) => (await search(console_, query)).jobs.map(({ id }) => id);
  const [person = ''] = (await engine.deps.hashPeople())(personOf('jane@example.com'));
  for (let n = 2; n <= 120; n++) {
    const row = { ...acceptedRow(0), id: jobId(n), key: `sample#${jobId(n)}`, time: n * 1_000, person: '' };
    const ticket = { status: 'done' as const, startedAt: 0, result: { id: 4700 + n } };
    await engine.deps.ledger.write(n === 60 ? { ...row, person, steps: { ticket } } : row, 0);
  }

  const found = [jobId(60), 'Jane@example.com', jobId(60).slice(-6), '4760'].map((q) => ids({ q }));
  expect(await Promise.all(found)).toEqual(Array(4).fill([jobId(60)]));
  const reads = jest.spyOn(engine.deps.ledger, 'get');
  const first = await search(console_, {});
  expect([first.jobs[1]?.id, first.jobs.length, reads.mock.calls.length]).toEqual([jobId(120), 50, 51]);
  const second = await search(console_, { after: first.next ?? '' });
  expect(second.jobs[0]?.id).toBe(jobId(71));
});

test.each([
  ['a state that does not exist', { state: 'deadd', from: '2026-01-02T03' }, 'must be one of'],
  ['an hour that is none', { from: '0' }, 'The request is not valid.'],
  ['an hour of a day that does not exist', { from: '2026-02-30T03' }, 'The request is not valid.'],
  ['an id in a queue that does not exist', { queue: 'other', q: jobId(1) }, 'There is no queue other.'],
])('a search of %s is refused in words', async (_what, query, error) => {
  const { console_ } = await started();

  expect(await search(console_, query)).toEqual({ error: expect.stringContaining(error) });
});

test('dead jobs are grouped by queue, reason and code, with messages, counts and ages', async () => {
  const { engine, console_ } = await started({ message: 'another message' });
  await layParked(engine, 3, 2);
  engine.clock.advance(HOUR);
  await layParked(engine, 1, 9);

  const { groups, more } = await console_.get<DeadLetters>('dead');

  expect(more).toBe(false);
  expect(groups).toMatchObject([
    { queue: 'sample', reason: 'error', code: 'Rejected', count: 5, oldest: engine.clock.now() - HOUR },
  ]);
  expect(groups[0]?.trend.map(({ value }) => value).slice(-3)).toEqual([0, 4, 1]);
  expect(groups[0]?.messages.toSorted()).toEqual(['another message', 'rejected']);
});

const PLACES: [State, Reason | undefined, string[], Partial<JobRow>?][] = [
  ['queued', undefined, ['cancel']],
  ['processing', undefined, [], { lease: { token: 't', until: 1, messageId: 'm' } }],
  ['processing', undefined, ['cancel']],
  ['succeeded', undefined, []],
  ['held', 'throttled', ['cancel']],
  ['held', 'retry', ['cancel']],
  ['held', 'paused', ['cancel']],
  ['held', 'stopped', ['cancel']],
  ['held', 'unknown', ['settle', 'cancel']],
  ['dead', 'error', ['retry', 'discard']],
  ['dead', 'error', ['retry', 'discard'], { leftDlqAt: 1 }],
  ['dead', 'error', ['retry'], { leftDlqAt: 1, discarded: true }],
  ['dead', 'crash', ['retry', 'discard']],
  ['dead', 'expired', ['retry', 'discard']],
  ['cancelled', 'never-sent', []],
  ['cancelled', 'never-sent', ['retry'], { bodyKept: true }],
  ['cancelled', 'operator', ['retry']],
  ['cancelled', 'superseded', []],
];

test.each(PLACES)('a job that is %s (%s) has a sentence, a next step, and the actions %j', (...place) => {
  const [state, reason, actions, change] = place;
  const row = { ...acceptedRow(0), state: inState(state), sentAt: 0, ...(reason && { reason }), ...change };

  const explained = explain(row, 0);

  expect(explained.actions).toEqual(actions);
  for (const text of [explained.sentence, explained.next]) expect(text).toMatch(/^[A-Za-z].+\.$/);
  expect(explained.sentence).not.toContain('undefined');
});

const CANCELLED = { state: inState('cancelled'), reason: 'operator' } as const;
const HELD = { state: inState('held'), reason: 'retry', retryAt: Date.UTC(2026, 0, 2) } as const;
const STOPPED = { class: 'stop', code: 'VendorStopped', message: '401', vendor: 'zendesk' } as const;
const UNAUTHORIZED = { class: 'stop', code: 'ZendeskUnauthorized', message: '401', vendor: 'zendesk' } as const;
const DOWN = { class: 'ambiguous', code: 'ZendeskUnavailable', message: '503', vendor: 'zendesk' } as const;
const REJECTED = { class: 'permanent', code: 'Rejected', message: 'rejected' } as const;
const DEAD = { state: inState('dead'), reason: 'error' } as const;

test.each<[string, Partial<JobRow>, string]>([
  ['waits for its planned time', { ...HELD, notBefore: HELD.retryAt }, 'planned it, and it waits until 2026-01-02 00'],
  ['was planned and failed', { ...HELD, notBefore: 0, firstStartedAt: 1 }, 'An attempt failed, and it waits until'],
  ['a vendor throttled', { ...HELD, reason: 'throttled', vendor: 'sendgrid' }, 'sendgrid asked us to wait until 2026'],
  ['waited for a vendor that works again', { ...HELD, reason: 'stopped', error: STOPPED }, 'It waited for zendesk.'],
  ['failed because a vendor was down', { ...DEAD, error: DOWN }, 'Retry it once zendesk works again.'],
  ['a rule refused', { ...DEAD, error: { ...REJECTED, field: 'data.name' } }, 'cannot succeed: data.name: rejected ('],
  ['was discarded', { ...DEAD, error: REJECTED, discarded: true }, 'discarded it. Retry it, if it is wanted after'],
  ['an operator cancelled', { ...CANCELLED, cancelledBy: 'audit 0190a1b2' }, 'An operator cancelled it.'],
  ['its producer cancelled', { ...CANCELLED, cancelledBy: 'by its producer' }, 'Its producer cancelled it.'],
  ['was cancelled by someone whom the row does not name', CANCELLED, 'An operator or its producer cancelled it.'],
])('the sentence says what is true of a job that %s, and the next step follows', (_what, change, text) => {
  const { sentence, next } = explain({ ...acceptedRow(0), ...change }, 0);

  expect(`${sentence} ${next}`).toContain(text);
});

test.each([
  [
    'refuses us',
    'ZendeskUnauthorized',
    'zendesk refuses our calls (ZendeskUnauthorized), so its circuit breaker is open.',
  ],
  ['is down', 'ZendeskUnavailable', 'zendesk is down (ZendeskUnavailable), so its circuit breaker is open.'],
])('the sentence says what a vendor that %s answers now, whatever it answered this job', (_what, code, text) => {
  const row = { ...acceptedRow(0), ...HELD, reason: 'stopped' as const, error: STOPPED };

  const { sentence, next } = explain(row, 0, { code, trial: 'A trial call is under way.' });

  expect(sentence).toBe(text);
  expect(next).toMatch(/A trial call is under way\.$/);
});

test('a timeline has each entry of the history until the next, and each step, which ends with its job', async () => {
  const at = (from: number, event: JobEvent, more = {}) => ({ at: from, event, ...more });
  const history = [
    at(0, 'accepted'),
    at(10, 'started', { attempt: 1 }),
    at(50, 'dead (crash)', { error: { code: 'Crashed' } }),
  ] as JobRow['history'];
  const steps = { effect: { status: 'started' as const, startedAt: 10, result: { id: 4701, more: [] } } };
  const row = { ...acceptedRow(0), state: inState('dead'), reason: 'crash' as const, endedAt: 50, history, steps };

  const run = { label: 'started, attempt 1', part: 'run', from: 10, to: 50 };
  expect(timeline(row)).toEqual([
    { label: 'accepted', part: 'rest', from: 0, to: 10 },
    run,
    { label: 'effect', part: 'step', from: 10, to: 50, note: 'started', failed: false, run, made: [['id', 4701]] },
    { label: 'dead (crash)', part: 'bad', from: 50, to: 50, note: 'Crashed' },
  ]);
});

const REFUSED = { part: 'step', failed: true, made: [], run: expect.objectContaining({ part: 'run' }) };

test.each([
  [
    'a ticket that ends its job',
    { subject: [], comment: [] },
    { label: 'call to zendesk', note: 'ZendeskRejected, status 422, subject' },
  ],
  [
    'a part that the next ticket leaves out',
    { priority: [] },
    { label: 'reduced-1', note: 'zendesk refused it (ZendeskRejected), so the next call is without priority' },
  ],
])('a timeline has the call that a vendor refused, from its beginning: %s', async (_what, details, expected) => {
  const clock = memoryClock();
  const start = clock.now();
  const before = (name: string) => void (name === 'zendesk.createTicket' && clock.advance(700));
  const feedback = await startFeedback({ clock, before });
  feedback.zendesk.fail({ method: 'POST', path: 'tickets', status: 422, body: { details } });

  await feedback.engine.sendAndDeliver(feedbackBody({ priority: 'high' }));
  await feedback.close();

  const spans = timeline(feedback.engine.row(jobId(1)));
  expect(spans).toContainEqual({ ...REFUSED, ...expected, from: start, to: start + 700 });
});

const CALL = { vendor: 'zendesk', class: 'transient' as const, message: '' };

test.each([
  ['has no answer', { ...CALL, code: 'ConnectionRefused' }, {}, 'ConnectionRefused'],
  ['is refused', { ...CALL, code: 'ZendeskUnauthorized', status: 401 }, {}, 'ZendeskUnauthorized, status 401'],
  ['was never made', { ...CALL, code: 'VendorStopped' }, {}, undefined],
  ['may have worked, which its step says', { ...CALL, code: 'NoAnswer' }, { status: 'started' }, undefined],
])('a timeline has a call of a run that %s once', (_what, error, step, note) => {
  const history = [
    { at: 0, event: 'started', attempt: 1 },
    { at: 50, event: 'retry', attempt: 1, error },
    { at: 90, event: 'started', attempt: 2 },
  ] as JobRow['history'];
  const upload = { status: 'done' as const, startedAt: 0, endedAt: 20 };
  const ticket = { startedAt: 20, ...step } as JobRow['steps'][string];
  const steps = { upload, ...('status' in step && { ticket }) };

  const calls = timeline({ ...acceptedRow(0), history, steps }).filter(({ label }) => label === 'call to zendesk');

  expect(calls).toEqual(note === undefined ? [] : [expect.objectContaining({ ...REFUSED, note, from: 20, to: 50 })]);
});
