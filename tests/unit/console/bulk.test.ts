import type { BulkPreview, BulkView, DeadLetters } from '../../../lib/console/views';
import { PermanentError } from '../../../lib/errors';
import { bodyKey, bulkLeaseKey } from '../../../lib/jobs/keys';
import { takeLease } from '../../../lib/jobs/run-lease';
import { createBulk, selectionOf } from '../../../lib/ops/bulk';
import { acceptedRow } from '../../support/accepted-row';
import { type TestedConsole, testedConsole } from '../../support/console';
import { layParked } from '../../support/dead-letters';
import { memoryDeployment } from '../../support/deployment';
import { anEnvelope, jobId, memoryEngine, PREFIX } from '../../support/engine';
import { inState } from '../../support/in-state';
import { sampleContract } from '../../support/sample-contract';

const DEAD = 30;
const ask = { action: 'retry', queue: 'sample', code: 'Rejected', reason: 'error', perSecond: 10 };
const word = { reason: 'the template is fixed', instance: 'acme' };

let open: TestedConsole;
afterEach(() => open.close());

/** A queue with dead jobs of two causes, and a console of production. */
async function withDeadJobs({ write = true } = {}) {
  const { contract, effects } = sampleContract(({ data }) => {
    if (data.name === 'other') throw new PermanentError({ code: 'Other', message: 'other' });
  });
  const engine = memoryEngine(() => contract);
  await layParked(engine, DEAD);
  for (let n = 1; n <= DEAD; n++) {
    const body = JSON.stringify(anEnvelope({ id: jobId(n) }));
    await engine.objects.put(bodyKey(PREFIX, 'sample', jobId(n)), body, 'application/json');
  }
  engine.send(JSON.stringify(anEnvelope({ id: jobId(99), data: { name: 'other' } })), { group: 'other' });
  await engine.deliver();
  open = await testedConsole(engine, { write });
  return { engine, effects };
}

/** Looks at the jobs, and begins with them as the page does. */
async function begin(given: object = word) {
  const { json } = await open.post('bulk/preview', ask);
  return open.post('bulk/start', { preview: json.id, ...given });
}

/** Asks until the bulk action looks like this. Each answer comes when the server has it, and the engine's clock stands still. */
async function bulk(fits: (view: BulkView) => boolean): Promise<BulkView> {
  for (;;) {
    const [view] = await open.get<BulkView[]>('bulk');
    if (view && fits(view)) return view;
  }
}

test('a preview counts the jobs that would be touched, and shows the command that does the same', async () => {
  const { engine } = await withDeadJobs({ write: false });

  const { json } = await open.post('bulk/preview', ask);

  expect(json as unknown as BulkPreview).toEqual({
    total: DEAD,
    id: expect.any(String),
    needsReason: true,
    needsName: true,
    lines: [{ queue: 'sample', state: 'dead (error)', code: 'Rejected', count: DEAD }],
    command:
      'npx sls dlq redrive --queue sample --job-reason error --code Rejected --rate 10 --stage prod --param instance=acme --region eu-central-1',
  });
  expect(engine.inQueue()).toBe(0);
});

test('a preview of nothing shows no command, and a value that a shell would read is quoted', async () => {
  await withDeadJobs({ write: false });
  const code = "x'; rm -rf ~ #";
  const none = await open.post('bulk/preview', { ...ask, code });
  const { json } = await open.post('preview', { action: 'job.retry', input: { queue: '$(id)', id: code } });

  expect(none.json).toMatchObject({ total: 0, lines: [] });
  expect(none.json).not.toHaveProperty('command');
  expect(json.command).toMatch(/^npx sls jobs retry 'x'\\''; rm -rf ~ #' --queue '\$\(id\)' --stage prod /);
});

test('a refusal ends with the command that helps', async () => {
  const { engine } = await withDeadJobs();
  for (const key of engine.objects.keys()) if (key.includes('_bodies')) await engine.objects.delete(key);
  await engine.deps.ledger.update(`sample#${jobId(1)}`, (row) => ({
    ...row,
    state: inState('cancelled'),
    reason: 'operator',
  }));

  const { status, json } = await open.post('act', {
    action: 'job.retry',
    input: { queue: 'sample', id: jobId(1) },
    reason: 'it is fixed',
  });

  expect([status, json.error]).toEqual([
    409,
    expect.stringMatching(/or give its body: npx sls jobs retry \S+ --body FILE --stage prod --param instance=acme/),
  ]);
});

test.each(['retry', 'discard'])('%s all of a group touches as many jobs as the group counts', async (action) => {
  const { engine } = await withDeadJobs();
  await engine.deps.ledger.update(`sample#${jobId(1)}`, (row) => ({
    ...row,
    error: { class: 'permanent', code: 'Rejected', message: 'for another reason' },
  }));
  await engine.deps.ledger.update(`sample#${jobId(2)}`, (row) => ({ ...row, parkedAt: 1 }));

  const { groups } = await open.get<DeadLetters>('dead');
  const { json } = await open.post('bulk/preview', { ...ask, action });

  expect(groups.map(({ code, count }) => [code, count])).toEqual([
    ['Rejected', DEAD - 1],
    ['Other', 1],
  ]);
  expect(json.total).toBe(DEAD - 1);
});

test('a discarded job stays dead', async () => {
  const { engine } = await withDeadJobs();
  await open.post('act', { action: 'job.discard', input: { queue: 'sample', id: jobId(3) }, reason: 'not needed' });

  const { json } = await open.post('bulk/preview', ask);

  expect(engine.row(jobId(3)).leftDlqAt).toBeDefined();
  expect(json.total).toBe(DEAD - 1);
});

test.each([
  ['a console that only reads', { ...word }, false],
  ['an operator who gives no reason', { ...word, reason: ' ' }, true],
  ["an operator who does not type the instance's name", { ...word, instance: 'acm' }, true],
])('%s changes nothing', async (_who, given, write) => {
  const { engine } = await withDeadJobs({ write });

  const { status } = await begin(given);

  expect(status).toBe(409);
  expect(engine.inQueue()).toBe(0);
  expect(engine.objects.keys().filter((key) => /_audit|_bulk/.test(key))).toEqual([]);
});

test('a bulk action touches the jobs of its preview that have not changed, and none that came later', async () => {
  const { engine } = await withDeadJobs();
  const { json: seen } = await open.post('bulk/preview', ask);
  await open.post('act', { action: 'job.discard', input: { queue: 'sample', id: jobId(3) }, reason: 'not needed' });
  await layParked(engine, 1, DEAD + 1);

  const { status } = await open.post('bulk/start', { preview: seen.id, ...word });
  const view = await bulk((now) => now.status === 'done');

  expect(status).toBe(200);
  expect(view).toMatchObject({ total: DEAD, done: DEAD - 1, refused: 1 });
  expect(view.refusals).toEqual([expect.stringContaining('was discarded')]);
  expect(engine.inQueue()).toBe(DEAD - 1);
  expect(engine.row(jobId(DEAD + 1)).history.map(({ event }) => event)).not.toContain('redriven (operator)');
});

test('a preview begins once, and one that the console does not know begins nothing', async () => {
  const { engine } = await withDeadJobs();
  const { json } = await open.post('bulk/preview', ask);
  await open.post('bulk/start', { preview: json.id, ...word });
  await bulk(({ status }) => status === 'done');

  const again = await open.post('bulk/start', { preview: json.id, ...word });

  expect([again.status, again.json.error]).toEqual([409, expect.stringContaining('Look at the jobs again')]);
  expect(engine.inQueue()).toBe(DEAD);
});

test.each(['start', 'continue'])('a %s while another bulk action runs is refused, with how to go on', async (how) => {
  const { engine } = await withDeadJobs();
  const { deployment } = memoryDeployment(engine);
  const rows = engine.rows().filter(({ id }) => id === jobId(1));
  const made = { action: 'retry', selection: selectionOf(rows), perSecond: 1 } as const;
  const { id } = await createBulk({ ...deployment, audit: 'an-audit' }, made);
  await takeLease(engine.deps, bulkLeaseKey, engine.clock.now() + 30_000);

  const { status, json } =
    how === 'start' ? await begin() : await open.post('act', { action: 'bulk.continue', input: { id }, ...word });

  const kept = how === 'start' ? '\\S+' : id;
  expect(status).toBe(409);
  expect(json.error).toMatch(
    new RegExp(
      `Another bulk action is running.*: npx sls bulk continue ${kept} --yes --stage prod --param instance=acme`,
    ),
  );
  expect(engine.inQueue()).toBe(0);
});

test('a stop and a continue of production ask first, need a reason, and a continue the name', async () => {
  const { engine } = await withDeadJobs();
  await begin();
  const { id } = await bulk(({ status }) => status === 'done');
  const say = (action: string, given: object) => open.post('act', { action, input: { id }, ...given });

  const preview = await open.post('preview', { action: 'bulk.continue', input: { id } });

  expect(preview.json).toEqual({
    question: expect.stringMatching(/\?/),
    command: `npx sls bulk continue ${id} --stage prod --param instance=acme --region eu-central-1`,
    needsReason: true,
    needsName: true,
  });
  expect((await say('bulk.stop', {})).json.error).toContain('Say why');
  expect((await say('bulk.continue', { reason: 'it is fixed' })).json.error).toContain('Type acme');
  expect((await say('bulk.continue', word)).json.error).toBe(`The bulk action ${id} is done.`);
  expect(engine.inQueue()).toBe(DEAD);
});

test('a bulk action of a queue that does not exist is refused', async () => {
  await withDeadJobs();

  const { status, json } = await open.post('bulk/preview', { ...ask, queue: 'other' });

  expect([status, json.error]).toEqual([409, 'There is no queue other. --queue must be one of sample.']);
});

test('all jobs of the preview are retried once, by an audit object and with progress', async () => {
  const { engine, effects } = await withDeadJobs();

  await begin();
  const view = await bulk(({ status }) => status === 'done');
  await engine.drain({ hours: 1 });

  expect(view).toMatchObject({ action: 'retry', total: DEAD, next: DEAD, done: DEAD, refused: 0 });
  expect(effects.toSorted()).toEqual(Array.from({ length: DEAD }, (_, n) => jobId(n + 1)).sort());
  expect(engine.row(jobId(99))).toMatchObject({ state: 'dead', error: { code: 'Other' } });
  const [audit] = engine.objects.keys().filter((key) => key.includes('/_audit/'));
  expect(JSON.parse(engine.objects.text(audit ?? ''))).toMatchObject({
    action: 'console bulk.retry',
    reason: word.reason,
  });
});

test('a bulk action that was stopped stays so until an operator continues it, and touches no job twice', async () => {
  const { engine, effects } = await withDeadJobs();
  const { sleep } = engine.deps.clock;
  let stopped: Promise<unknown> | undefined;
  engine.deps.clock.sleep = async (ms) => {
    const [view] = await open.get<BulkView[]>('bulk');
    stopped ??= open.post('act', { action: 'bulk.stop', input: { id: view?.id }, ...word });
    await stopped;
    await sleep(ms);
  };

  await begin();
  const view = await bulk(({ status }) => status === 'stopped');
  expect(view.next).toBe(10);
  engine.clock.advance(60_000);
  await open.post('act', { action: 'bulk.continue', input: { id: view.id }, ...word });
  await bulk(({ status }) => status === 'done');
  await engine.drain({ hours: 1 });

  expect(effects.toSorted()).toEqual(Array.from({ length: DEAD }, (_, n) => jobId(n + 1)).sort());
});

test('a console that ends stops its bulk action, so that another one can continue it', async () => {
  const { engine, effects } = await withDeadJobs();
  const { sleep } = engine.deps.clock;
  engine.deps.clock.sleep = async (ms) => {
    await open.close();
    await sleep(ms);
  };

  await begin();
  const stopped = () => engine.table.items().find(({ status }) => status === 'stopped');
  while (!stopped()) await new Promise(setImmediate);
  expect(stopped()).toMatchObject({ next: 10 });

  engine.deps.clock.sleep = sleep;
  open = await testedConsole(engine, { write: true });
  await open.post('act', { action: 'bulk.continue', input: { id: stopped()?.id }, ...word });
  await bulk(({ status }) => status === 'done');
  await engine.drain({ hours: 1 });

  expect(effects.toSorted()).toEqual(Array.from({ length: DEAD }, (_, n) => jobId(n + 1)).sort());
});

test('all queued jobs of a queue are cancelled, and dead ones stay as they are', async () => {
  const { engine } = await withDeadJobs();
  const queued = [201, 202].map(jobId);
  for (const id of queued) await engine.deps.ledger.write(acceptedRow(engine.clock.now(), { id }), 0);
  const cancelAll = { action: 'cancel', queue: 'sample', state: 'queued', perSecond: 10 };

  const { json } = await open.post('bulk/preview', cancelAll);
  await open.post('bulk/start', { preview: json.id, ...word });
  const view = await bulk(({ status }) => status === 'done');

  expect(json).toMatchObject({ total: 2, command: expect.stringContaining('--queue sample --state queued --rate 10') });
  expect(view).toMatchObject({ action: 'cancel', done: 2, refused: 0 });
  expect(queued.map((id) => engine.row(id).state)).toEqual(['cancelled', 'cancelled']);
  expect(engine.row(jobId(1)).state).toBe('dead');
});
