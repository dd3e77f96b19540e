import { StoreError } from '../../../lib/platform/errors';
import type { Options } from '../../../packages/cli/command';
import { type CommandName, commands } from '../../../packages/cli/commands';
import { acceptedRow } from '../../support/accepted-row';
import { type EngineOptions, envelope, jobId } from '../../support/engine';
import { command, contextOf, recordingOutput } from '../../support/operator';
import { oneOfEachEnd, rejects, sampleEngine } from '../../support/sample-contract';

const HOUR = '2026-01-02T03';

/** Job 1 succeeded, 2 is dead, 3 throttled, 4 stopped, 5 queued. */
async function someJobs() {
  const { engine } = sampleEngine(oneOfEachEnd);
  for (const n of [1, 2, 3, 4]) engine.send(envelope(n, { data: { name: 'planted' } }));
  await engine.deliver();
  const queued = { ...acceptedRow(engine.clock.now(), { id: jobId(5) }), sentAt: engine.clock.now() };
  await engine.deps.ledger.write(queued, 0);
  return engine;
}

const ids = ({ json }: { json: unknown }) => (json as { jobs: { id: string }[] }).jobs.map(({ id }) => id);

test('sls jobs list shows a line for each job that is waiting or dead', async () => {
  const { lines } = await command(await someJobs(), 'jobs list');

  expect(lines.map((line) => line.trim().split(/ {2,}/))).toEqual([
    ['ID', 'QUEUE', 'STATE', 'ATTEMPTS', 'ACCEPTED (UTC)', 'NEXT', 'ENDED', 'ERROR'],
    [jobId(2), 'sample', 'dead (error)', '1', '2026-01-02 03:04:05', '2026-01-02 03:04:05', 'Rejected'],
    [jobId(3), 'sample', 'held (throttled)', '0', '2026-01-02 03:04:05', '2026-01-02 03:09:05', 'RateLimited'],
    [jobId(4), 'sample', 'held (vendor stopped)', '0', '2026-01-02 03:04:05', 'VendorStopped'],
    [jobId(5), 'sample', 'queued', '0', '2026-01-02 03:04:05'],
  ]);
});

test('a search says where it looked, how far it is, and whether there are more. One that finds nothing is no error', async () => {
  const engine = await someJobs();
  const { json, notes } = await command(engine, 'jobs list', { from: HOUR, limit: '4', json: true });
  const none = await command(engine, 'jobs list', { from: '2026-01-02T02', to: HOUR });

  expect(json).toMatchObject({ more: true, jobs: [{}, {}, {}, {}] });
  expect(notes).toEqual([
    '5 rows read. The search goes from the newest job to the oldest.',
    'There are more jobs. Narrow the search, or raise --limit.',
  ]);
  expect(none.lines).toEqual(['No jobs.']);
  expect(none.progress.at(-1)?.[0]).toBe(none.progress.at(-1)?.[1]);
});

test('sls jobs show prints state, steps, error, history, record and the keys of record and body, but no data', async () => {
  const engine = await someJobs();
  await engine.deps.ledger.update(`sample#${jobId(1)}`, (row) => ({
    ...row,
    steps: { ...row.steps, upload: { status: 'done', startedAt: 1, confidential: 'planted-token' } },
  }));

  const dead = (await command(engine, 'jobs show', { id: jobId(2) })).lines.join('\n');
  const done = (await command(engine, 'jobs show', { id: jobId(1) })).lines.join('\n');
  const { json } = await command(engine, 'jobs show', { id: jobId(1), queue: 'sample', json: true });

  expect(dead).toContain(`sample ${jobId(2)}: dead (error)`);
  expect(dead).toContain('Rejected (permanent) · data.name · rejected');
  expect(dead).toContain(`jobs/sample/year=2026/month=01/day=02/hour=03/${jobId(2)}.json`);
  expect(dead).toContain(`jobs/_bodies/sample/${jobId(2)}`);
  expect(dead).toMatch(/2026-01-02 03:04:05 {2}dead \(error\) {2}1 +Rejected/);
  expect(done).toMatch(/effect {2}done {4}2026-01-02 03:04:05 {2}\{"ticket":7\}/);
  expect(json).toMatchObject({ id: jobId(1), state: 'succeeded', recordKey: expect.stringContaining('hour=03') });
  expect(JSON.stringify([dead, done, json])).not.toContain('planted');
  await expect(command(engine, 'jobs show', { id: 'x' })).rejects.toThrow('There is no job x in sample');
});

test('each action on one job shows its old and its new state. What is discarded or cancelled is not listed any more', async () => {
  const engine = await someJobs();
  const steps = { effect: { status: 'unknown' as const, startedAt: 1 } };
  await engine.deps.ledger.update(`sample#${jobId(3)}`, (row) => ({ ...row, reason: 'unknown', steps }));
  const said = async (name: CommandName, n: number, options: Options = {}) =>
    (await command(engine, name, { id: jobId(n), ...options })).lines.map((line) => line.replace(`${jobId(n)}: `, ''));

  expect(await said('jobs discard', 2)).toEqual([expect.stringMatching(/^sample was dead \(error\)\. Its entry/)]);
  expect(await said('jobs cancel', 5)).toEqual(['sample was queued, is cancelled (operator).']);
  expect(ids(await command(engine, 'jobs list', { json: true }))).toEqual([3, 4].map(jobId));
  expect(await said('jobs retry', 5)).toEqual(['sample was cancelled (operator), is open again with its old message.']);
  const sent = expect.stringMatching(/^sample was discarded \(error\), sent as message [0-9a-f-]{36}\.$/);
  expect(await said('jobs retry', 2)).toEqual([sent]);
  const settled = await said('jobs settle', 3, { step: 'effect', as: 'done' });
  expect(settled).toEqual(['sample effect is done, the job is queued.']);
});

const MINUTE = 60_000;
const RETRY = { code: 'Rejected', yes: true };

/** Dead jobs of two groups. Each succeeds in its second run. */
async function manyJobs(count: number, options: EngineOptions = {}) {
  const ran = new Set<string>();
  const { engine, effects } = sampleEngine(({ id }) => {
    if (ran.has(id)) return;
    ran.add(id);
    rejects();
  }, options);
  for (let n = 1; n <= count; n++) engine.send(envelope(n), { group: `g${n % 2}`, deduplication: jobId(n) });
  await engine.work();
  engine.clock.advance(MINUTE);
  /** While the command sleeps, the worker runs. */
  const slept: number[] = [];
  const working = (ms: number) => {
    slept.push(ms);
    engine.clock.advance(ms);
    return engine.work();
  };
  const deps = { ...engine.deps, clock: { ...engine.deps.clock, sleep: working } };
  const run = (name: CommandName, given: Options, answer?: string) => command({ deps }, name, given, answer);
  return { engine, deps, run, effects, slept };
}

test('a retry of many shows its jobs, asks, takes 20 jobs a second, and prints the outcomes', async () => {
  const made = await manyJobs(46);
  // Job 1 is discarded, so it stays as it is.
  await made.run('jobs discard', { id: jobId(1) });
  made.engine.clock.advance(MINUTE);

  const { lines, notes, progress, exitCode } = await made.run('jobs retry', { code: 'Rejected' }, 'yes');

  expect(lines).toEqual([
    'QUEUE   STATE         ERROR     JOBS',
    'sample  dead (error)  Rejected  45',
    '45 of 45 jobs retried.',
    'QUEUE   STATE      JOBS',
    'sample  succeeded  45',
  ]);
  expect(notes[0]).toBe('45 jobs will be retried. Type yes to begin: ');
  expect(progress).toEqual(expect.arrayContaining([20, 40, 45].map((done) => [done, 45])));
  expect(made.slept.slice(0, 2)).toEqual([1_000, 1_000]);
  expect(exitCode).toBeUndefined();
  expect(made.engine.row(jobId(1)).generation).toBe(1);
});

test('Ctrl-C stops after the jobs of the second, and the same command goes on', async () => {
  const made = await manyJobs(45);
  const stop = new AbortController();
  const { out, recorded } = recordingOutput();
  const stopping = { ...out, interrupted: () => stop.signal, progress: () => stop.abort() };

  await commands['jobs retry'].run(contextOf(made.deps, RETRY, stopping));
  const rest = await made.run('jobs retry', RETRY);

  expect(recorded.lines.at(-1)).toBe('20 of 45 jobs retried, stopped: run the command again to go on.');
  expect(rest.lines).toContain('25 of 25 jobs retried.');
  expect(made.engine.rows().map(({ generation }) => generation)).toEqual(Array(45).fill(2));
  expect(made.effects).toHaveLength(45);
});

test('held jobs can be cancelled together, and one that ended after the question is refused', async () => {
  const engine = await someJobs();
  engine.clock.advance(MINUTE);
  const { out, recorded } = recordingOutput();
  const ask = async () => {
    await command(engine, 'jobs cancel', { id: jobId(4) });
    return 'yes';
  };

  await commands['jobs cancel'].run(contextOf(engine.deps, { state: 'held' }, { ...out, ask }));

  expect(recorded.lines.at(-1)).toBe('1 of 2 jobs cancelled, 1 refused.');
  expect(recorded.notes).toEqual([`${jobId(4)}: it has changed, and is cancelled (operator)`]);
  expect(recorded.exitCode).toBe(1);
});

test('if a queue or the table fails, the command stops and says how far it is', async () => {
  let calls = 0;
  const made = await manyJobs(45, {
    before: (call) => {
      if (call === 'queues.send' && ++calls > 65) throw new StoreError({ code: 'SQS.Throttled', message: 'throttled' });
    },
  });

  const rest = /^throttled\. \d+ of 45 jobs are done\. Run the command again to go on\.$/;
  await expect(made.run('jobs retry', RETRY)).rejects.toThrow(rest);
});

test('no filter and one beside an ID are refused, and one that no job fits says where it looked', async () => {
  const { run } = await manyJobs(2);
  const { lines, notes } = await run('jobs retry', { code: 'Rejectd' });

  expect(lines).toEqual(['No jobs.']);
  expect(notes).toEqual([expect.stringMatching(/^2 rows read\. Only jobs that wait or are dead/)]);
  await expect(run('jobs retry', {})).rejects.toThrow('Give an ID, or a filter such as --code');
  const both = { id: jobId(1), code: 'Rejected' };
  await expect(run('jobs retry', both)).rejects.toThrow('Give an ID or a filter, not both');
});

test('unknown steps can be settled together: only of jobs that wait for it, after a preview and a question', async () => {
  const made = await manyJobs(3);
  const { deps, engine } = made;
  for (const n of [1, 2, 3]) {
    const row = engine.row(jobId(n));
    const reason = n === 3 ? 'paused' : 'unknown';
    const send = { status: 'unknown' as const, startedAt: 1, endedAt: 2 };
    await deps.ledger.update(row.key, ({ endedAt: _endedAt, ...stored }) => ({
      ...({ ...stored, state: 'held', reason, bodyKept: true } as unknown as typeof stored),
      steps: { [n === 1 ? 'send' : 'other']: send },
    }));
  }
  const settle = { step: 'send', as: 'done', queue: 'sample' };

  const writes = engine.table.writes();
  const unasked = 'There is no terminal to ask on. Nothing was changed. Add --yes.';
  await expect(made.run('jobs settle', settle)).rejects.toThrow(unasked);
  const refused = await made.run('jobs settle', settle, 'no');
  expect(engine.table.writes()).toBe(writes);
  const { lines, notes, exitCode } = await made.run('jobs settle', settle, 'yes');

  expect(refused.lines.slice(1)).toEqual([expect.stringMatching(/held \(unknown\).* 2$/), 'Nothing was changed.']);
  expect(lines.at(-1)).toBe('1 of 2 jobs settled, 1 refused.');
  expect(notes.at(-1)).toBe(`${jobId(2)}: ${jobId(2)} has no unknown step send. --step must be other.`);
  expect(exitCode).toBe(1);
  expect(engine.row(jobId(1))).toMatchObject({ evidence: { send: { event: 'operator' } } });
});
