import { gzipSync } from 'node:zlib';
import type { DeadLetters, FoundJobs, JobPage } from '../../../lib/console/jobs';
import { page } from '../../../lib/console/serve';
import { PermanentError } from '../../../lib/errors';
import { auditKey } from '../../../lib/jobs/keys';
import type { Overview } from '../../../lib/ops/overview';
import { jobId as idOfKey } from '../../../lib/producer/job-id';
import { acceptedRow } from '../../support/accepted-row';
import { type TestedConsole, testedConsole } from '../../support/console';
import { layParked } from '../../support/dead-letters';
import { memoryDeployment } from '../../support/deployment';
import { anEnvelope, jobId, memoryEngine, PREFIX } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

const HOUR = 3_600_000;
const ADDRESS = 'someone@example.com';
const MARKUP = '<script>alert(1)</script><img src=x onerror=alert(1)>';

let open: TestedConsole | undefined;
afterEach(() => open?.close());

type Options = Parameters<typeof testedConsole>[1];

async function started(engine: ReturnType<typeof memoryEngine>, options: Options = {}) {
  open = await testedConsole(engine, options);
  return open;
}

/** A queue with one dead job, whose data holds an address. */
async function withDeadJob(message = 'rejected') {
  const { contract, effects } = sampleContract(({ data }) => {
    if (data.name === 'bad') throw new PermanentError({ code: 'Rejected', message });
  });
  const engine = memoryEngine(() => contract);
  engine.send(JSON.stringify(anEnvelope({ id: jobId(1), data: { name: 'bad' }, correlationid: 'request-1' })));
  await engine.deliver();
  return { engine, effects };
}

const audits = ({ objects }: ReturnType<typeof memoryEngine>) =>
  objects
    .keys()
    .filter((key) => key.startsWith(`${PREFIX}/_audit/`))
    .map((key) => JSON.parse(objects.text(key)));

const search = (console_: TestedConsole, query: Record<string, string>) =>
  console_.get<FoundJobs & { error?: string }>(`jobs?${new URLSearchParams(query)}`);
const ids = ({ jobs }: FoundJobs) => jobs.map(({ id }) => id);

test('the page has at most 20 KB, compressed', async () => {
  const files = Object.values(await page());

  expect(gzipSync(files.join('')).length).toBeLessThan(20_000);
});

describe('a job', () => {
  test('shows its reason in a sentence, its timeline, its record and its row', async () => {
    const { engine } = await withDeadJob();
    const console_ = await started(engine);

    const job = await console_.get<JobPage>(`job?queue=sample&id=${jobId(1)}`);

    expect(job).toMatchObject({
      state: 'dead (error)',
      explained: { sentence: 'It cannot succeed: rejected (Rejected).', actions: ['retry', 'discard'] },
      job: { id: jobId(1), state: 'dead', error: { code: 'Rejected' } },
      row: { queue: 'sample' },
    });
    expect(job.timeline.map(({ kind }) => kind)).toContain('run');
    expect(job.row).not.toHaveProperty('lease');
  });

  test('shows no confidential result of a step', async () => {
    const engine = memoryEngine(() => sampleContract().contract);
    const step = { status: 'done' as const, startedAt: 0, endedAt: 1, kept: 'token-1' };
    await engine.deps.ledger.write({ ...acceptedRow(0), steps: { upload: step } }, 0);
    const console_ = await started(engine);

    const { body } = await console_.raw(`/console/api/job?id=${jobId(1)}`, { headers: console_.headers });

    expect(JSON.parse(body)).toMatchObject({ job: { steps: { upload: { status: 'done' } } } });
    expect(body).not.toContain('token-1');
  });

  test('that does not exist answers an error in words', async () => {
    const console_ = await started(memoryEngine(() => sampleContract().contract));

    expect(await console_.get(`job?id=nothing`)).toEqual({ error: expect.stringContaining('There is no job nothing') });
  });

  test('keeps markup in an error as text: the API answers JSON, and no page interprets it', async () => {
    const { engine } = await withDeadJob(MARKUP);
    const console_ = await started(engine);

    const { headers, body } = await console_.raw(`/console/api/job?id=${jobId(1)}`, { headers: console_.headers });

    expect(headers['content-type']).toMatch(/^application\/json/);
    expect(JSON.parse(body).job.error.message).toBe(MARKUP);
  });
});

describe('personal data', () => {
  async function withAddress() {
    const engine = memoryEngine(() => sampleContract().contract);
    const body = JSON.stringify(anEnvelope({ id: jobId(1), data: { name: ADDRESS, more: { [ADDRESS]: 1 } } }));
    engine.send(body);
    await engine.deliver();
    return engine;
  }

  test('is not in any answer until someone asks: the data has only names, kinds and lengths', async () => {
    const console_ = await started(await withAddress());

    const bodies = await Promise.all(
      [`job?id=${jobId(1)}`, `data?queue=sample&id=${jobId(1)}`, 'dead', 'jobs'].map(
        async (path) => (await console_.raw(`/console/api/${path}`, { headers: console_.headers })).body,
      ),
    );

    expect(bodies.join()).not.toContain(ADDRESS);
    expect(JSON.parse(bodies[1] ?? '')).toEqual({
      data: { name: 'text, 19 characters', more: 'object with 1 fields' },
    });
  });

  test('is shown on request, and each look leaves an audit object', async () => {
    const engine = await withAddress();
    const console_ = await started(engine);

    const { json } = await console_.post('reveal', { queue: 'sample', id: jobId(1) });

    expect(json).toMatchObject({ data: { name: ADDRESS } });
    expect(audits(engine)).toEqual([
      expect.objectContaining({
        action: 'console job.reveal',
        by: 'arn:aws:iam::123456789012:user/jane',
        arguments: { queue: 'sample', id: jobId(1) },
      }),
    ]);
  });

  test('is not shown if the audit object cannot be written', async () => {
    const engine = await withAddress();
    const objects = { ...engine.deps.objects, create: () => Promise.reject(new Error('down')) };
    const console_ = await started({ ...engine, deps: { ...engine.deps, objects } } as typeof engine);

    const { status, json } = await console_.post('reveal', { queue: 'sample', id: jobId(1) });

    expect(status).toBe(500);
    expect(JSON.stringify(json)).not.toContain(ADDRESS);
  });
});

describe('an action', () => {
  const retry = { action: 'job.retry', input: { queue: 'sample', id: jobId(1) } };

  test('shows the command that does the same, and changes nothing before the answer', async () => {
    const { engine } = await withDeadJob();
    const console_ = await started(engine);

    const { json } = await console_.post('preview', retry);

    expect(json.command).toBe(
      `npx sls jobs retry ${jobId(1)} --queue sample --stage prod --param instance=acme --region eu-central-1`,
    );
    expect(engine.inQueue()).toBe(0);
  });

  test('is refused unless the console was started with --write', async () => {
    const { engine } = await withDeadJob();
    const console_ = await started(engine);

    const { status, json } = await console_.post('act', { ...retry, reason: 'fixed' });

    expect([status, json.error]).toEqual([409, expect.stringContaining('--write')]);
    expect(engine.inQueue()).toBe(0);
    expect(audits(engine)).toEqual([]);
  });

  test('of production needs a reason', async () => {
    const { engine } = await withDeadJob();
    const console_ = await started(engine, { write: true });

    expect(await console_.post('act', retry)).toMatchObject({
      status: 409,
      json: { error: expect.stringContaining('Give a reason') },
    });
    expect(engine.inQueue()).toBe(0);
  });

  test('does what the command does, leaves an audit object that the history names, and is shown in the chat', async () => {
    const { engine } = await withDeadJob();
    const sent: string[] = [];
    const publishAlarm = async ({ text }: { text: string }) => void sent.push(text);
    const deployment = { ...memoryDeployment(engine).deployment, publishAlarm };
    const console_ = await started(engine, { write: true, deployment });

    const { json } = await console_.post('act', { ...retry, reason: 'the template is fixed' });

    expect(json.done).toMatch(/was dead \(error\), sent as message/);
    expect(engine.inQueue()).toBe(1);
    const [audit] = audits(engine);
    expect(audit).toMatchObject({ action: 'console job.retry', reason: 'the template is fixed', instance: 'my' });
    expect(engine.objects.keys()).toContain(auditKey(PREFIX, audit.id));
    expect(sent).toEqual([`sls console job.retry, audit ${audit.id}`]);
    expect(engine.row(jobId(1)).history).toContainEqual(expect.objectContaining({ note: `audit ${audit.id}` }));
  });

  test('pauses a queue with its reason, and resumes it', async () => {
    const engine = memoryEngine(() => sampleContract().contract);
    const memory = memoryDeployment(engine);
    const console_ = await started(engine, { write: true, deployment: memory.deployment });
    const pause = { action: 'queue.pause', input: { queue: 'sample' } };

    expect((await console_.post('act', { ...pause, reason: '' })).status).toBe(409);
    const paused = await console_.post('act', { ...pause, reason: 'the vendor moves' });
    const { queues } = await console_.get<Overview>('overview');

    expect(paused.json.done).toMatch(/^sample is paused/);
    expect(memory.on.get('sample')).toBe(false);
    expect(queues).toMatchObject([{ queue: 'sample', pause: { by: 'user/jane', reason: 'the vendor moves' } }]);
    await console_.post('act', { action: 'queue.resume', input: { queue: 'sample' }, reason: 'done' });
    expect(memory.on.get('sample')).toBe(true);
  });

  test.each([
    ['that does not exist', 'toString', {}],
    ['without its input', 'job.retry', {}],
    ['with too much input', 'job.retry', { queue: 'sample', id: 'x', more: 1 }],
  ])('%s is refused', async (_what, action, input) => {
    const console_ = await started(
      memoryEngine(() => sampleContract().contract),
      { write: true },
    );

    expect((await console_.post('act', { action, input, reason: 'r' })).status).toBe(409);
  });
});

test.each([
  ['with its length', {}],
  ['without its length', { 'transfer-encoding': 'chunked' }],
])('a body of more than two million bytes, sent %s, is refused', async (_how, more) => {
  const console_ = await started(memoryEngine(() => sampleContract().contract));

  const { status, body } = await console_.raw('/console/api/preview', {
    method: 'POST',
    headers: { ...console_.headers, origin: `http://${console_.host}`, 'content-type': 'application/json', ...more },
    body: JSON.stringify({ action: 'é'.repeat(1_100_000) }),
  });

  expect([status, JSON.parse(body)]).toEqual([413, { error: 'The request is too large.' }]);
});

describe('a search', () => {
  /** Three jobs: two of an hour, one of which is done, and a dead one of the hour before. */
  async function someJobs() {
    const { engine } = await withDeadJob();
    const first = engine.clock.now();
    engine.clock.advance(HOUR);
    for (const [n, correlationid] of [
      [2, 'request-2'],
      [3, 'request-3'],
    ] as const) {
      const time = new Date(engine.clock.now()).toISOString();
      engine.send(JSON.stringify(anEnvelope({ id: jobId(n), time, correlationid })), { group: `g${n}` });
    }
    await engine.deliver();
    return { engine, first: Date.parse('2026-01-02T03:04:05.000Z'), now: first + HOUR };
  }

  test('without hours finds the jobs that wait or are dead, and says where it looked', async () => {
    const { engine } = await someJobs();
    const console_ = await started(engine);

    expect(ids(await search(console_, {}))).toEqual([jobId(1)]);
    expect(await search(console_, { code: 'Other' })).toEqual({
      jobs: [],
      note: expect.stringMatching(/^1 job looked at. Only jobs that wait or are dead were searched/),
    });
  });

  test('finds a job by its id, and by the key of its caller, whatever its state', async () => {
    const { engine } = await someJobs();
    const { clock, random } = engine.deps;
    const id = idOfKey({ queue: 'sample', key: 'order-7', clock, random });
    const ofShop = idOfKey({ queue: 'sample', key: 'order-7', principal: 'shop', clock, random });
    for (const one of [id, ofShop])
      await engine.deps.ledger.write({ ...acceptedRow(clock.now()), id: one, key: `sample#${one}` }, 0);
    const console_ = await started(engine);

    expect(ids(await search(console_, { q: jobId(2) }))).toEqual([jobId(2)]);
    expect(ids(await search(console_, { q: 'order-7' }))).toEqual([id]);
    expect(ids(await search(console_, { q: 'order-7', principal: 'shop' }))).toEqual([ofShop]);
  });

  test('of hours finds every job of them by its correlation id and state', async () => {
    const { engine, first, now } = await someJobs();
    const console_ = await started(engine);
    const hours = { from: String(first), to: String(Math.max(now, first + 2 * HOUR)) };

    expect(ids(await search(console_, { ...hours, by: 'correlation', q: 'request-3' }))).toEqual([jobId(3)]);
    expect(ids(await search(console_, { ...hours, state: 'succeeded' })).sort()).toEqual([jobId(2), jobId(3)]);
  });

  test('that fails for an unknown reason says that it failed, and nothing of the reason', async () => {
    const { engine } = await someJobs();
    const logged = jest.spyOn(console, 'error');
    const known = () => Promise.reject(new Error(`unknown to ${ADDRESS}`));
    const console_ = await started({ ...engine, deps: { ...engine.deps, ledger: { ...engine.deps.ledger, known } } });

    expect(await search(console_, {})).toEqual({ error: expect.stringContaining('The console failed') });
    expect(logged).not.toHaveBeenCalled();
  });

  test.each([
    ['a state that does not exist', { state: 'deadd', from: '0' }, 'must be one of'],
    ['done jobs without hours', { state: 'succeeded' }, 'Give a first hour'],
    ['a principal without a key', { principal: 'shop' }, 'search for that key too'],
    ['a queue that does not exist', { queue: 'other' }, 'There is no queue other.'],
    ['an id in such a queue', { queue: 'other', q: jobId(1) }, 'There is no queue other.'],
  ])('of %s is refused in words', async (_what, query, error) => {
    const { engine } = await someJobs();

    expect(await search(await started(engine), query)).toEqual({ error: expect.stringContaining(error) });
  });
});

test('dead jobs are grouped by queue, reason and code, with messages, counts and ages', async () => {
  const { engine } = await withDeadJob('another message');
  await layParked(engine, 3, 2);
  engine.clock.advance(HOUR);
  await layParked(engine, 1, 9);
  const console_ = await started(engine);

  const { groups, more } = await console_.get<DeadLetters>('dead');

  expect(more).toBe(false);
  expect(groups).toMatchObject([{ queue: 'sample', reason: 'error', code: 'Rejected', count: 5 }]);
  expect(groups[0]?.messages.toSorted()).toEqual(['another message', 'rejected']);
  expect(groups[0]?.oldest).toBe(engine.clock.now() - HOUR);
});
