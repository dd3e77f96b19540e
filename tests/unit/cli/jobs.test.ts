import { PermanentError, StopError, WaitError } from '../../../lib/errors';
import { acceptedRow } from '../../support/accepted-row';
import { anEnvelope, jobId } from '../../support/engine';
import { command } from '../../support/operator';
import { sampleEngine } from '../../support/sample-contract';

const HOUR = '2026-01-02T03';

/** Job 1 succeeded, 2 is dead, 3 throttled, 4 stopped, 5 queued. */
async function someJobs() {
  const { engine } = sampleEngine(({ id }) => {
    if (id === jobId(2)) throw new PermanentError({ code: 'Rejected', message: 'rejected', field: 'data.name' });
    if (id === jobId(3))
      throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: 300_000 });
    if (id === jobId(4)) throw new StopError({ code: 'AgreementMissing', message: '403', vendor: 'zendesk' });
    return { ticket: 7 };
  });
  for (const n of [1, 2, 3, 4]) engine.send(JSON.stringify(anEnvelope({ id: jobId(n), data: { name: 'planted' } })));
  await engine.deliver();
  const queued = { ...acceptedRow(engine.clock.now(), { id: jobId(5) }), sentAt: engine.clock.now() };
  await engine.deps.ledger.write(queued, 0);
  return engine;
}

const ids = ({ json }: { json: unknown }) => (json as { jobs: { id: string }[] }).jobs.map(({ id }) => id);

describe('sls jobs list', () => {
  test('shows a line for each job that is waiting or dead', async () => {
    const { lines } = await command(await someJobs(), 'jobs list');

    expect(lines.map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['ID', 'QUEUE', 'STATE', 'ATTEMPTS', 'ACCEPTED (UTC)', 'NEXT', 'ENDED', 'ERROR'],
      [jobId(2), 'sample', 'dead (error)', '1', '2026-01-02 03:04:05', '2026-01-02 03:04:05', 'Rejected'],
      [jobId(3), 'sample', 'held (throttled)', '0', '2026-01-02 03:04:05', '2026-01-02 03:09:05', 'RateLimited'],
      [jobId(4), 'sample', 'held (stopped)', '0', '2026-01-02 03:04:05', 'AgreementMissing'],
      [jobId(5), 'sample', 'queued', '0', '2026-01-02 03:04:05'],
    ]);
  });

  test.each([
    [{ state: 'held' }, [3, 4]],
    [{ from: '2026-01-02T02', to: HOUR }, []],
    [{ queue: 'sample', limit: '2' }, [2, 4]],
  ])('with %j, it lists jobs %j', async (options, expected) => {
    const listed = await command(await someJobs(), 'jobs list', { ...options, json: true });

    expect(ids(listed)).toEqual(expected.map(jobId));
    expect(listed.lines).toEqual([]);
    expect(listed.notes).toHaveLength('limit' in options ? 2 : 1);
  });

  test('a dead job stays listed when its entry has been discarded, a cancelled one does not', async () => {
    const engine = await someJobs();
    await command(engine, 'jobs discard', { id: jobId(2) });
    await command(engine, 'jobs cancel', { id: jobId(3) });

    expect(ids(await command(engine, 'jobs list', { json: true }))).toEqual([2, 4, 5].map(jobId));
  });
});

test('a search says where it looked, how far it is, and whether there are more. One that finds nothing is no error', async () => {
  const engine = await someJobs();
  const { json, notes } = await command(engine, 'jobs list', { from: HOUR, limit: '4', json: true });
  const none = await command(engine, 'jobs list', { code: 'Rejectd' });

  expect(json).toMatchObject({ more: true, jobs: [{}, {}, {}, {}] });
  expect(notes).toEqual([
    '5 jobs read. The search goes from the newest job to the oldest.',
    'There are more jobs. Narrow the search, or raise --limit.',
  ]);
  expect(none.lines).toEqual(['No jobs.']);
  expect(none.progress.at(-1)?.[0]).toBe(none.progress.at(-1)?.[1]);
});

describe('sls jobs show', () => {
  test('shows state, steps, error, history and the keys of record and body, but no data', async () => {
    const engine = await someJobs();

    const dead = (await command(engine, 'jobs show', { id: jobId(2) })).lines.join('\n');
    const done = (await command(engine, 'jobs show', { id: jobId(1) })).lines.join('\n');

    expect(dead).toContain(`sample ${jobId(2)}: dead (error)`);
    expect(dead).toContain('Rejected (permanent) · data.name · rejected');
    expect(dead).toContain(`jobs/sample/year=2026/month=01/day=02/hour=03/${jobId(2)}.json`);
    expect(dead).toContain(`jobs/_bodies/sample/${jobId(2)}`);
    expect(dead).toMatch(/2026-01-02 03:04:05 {2}dead \(error\) {2}1 +Rejected/);
    expect(done).toMatch(/effect {2}done {4}2026-01-02 03:04:05 {2}\{"ticket":7\}/);
    expect(dead + done).not.toContain('planted');
  });

  test('prints the record as JSON, without the private data of a step', async () => {
    const engine = await someJobs();
    await engine.deps.ledger.update(`sample#${jobId(1)}`, (row) => ({
      ...row,
      steps: { ...row.steps, upload: { status: 'done', startedAt: 1, kept: 'planted-token' } },
    }));

    const { json } = await command(engine, 'jobs show', { id: jobId(1), queue: 'sample', json: true });

    expect(json).toMatchObject({ id: jobId(1), state: 'succeeded', recordKey: expect.stringContaining('hour=03') });
    expect(JSON.stringify(json)).not.toContain('planted-token');
    await expect(command(engine, 'jobs show', { id: 'x' })).rejects.toThrow('There is no job x in sample');
  });
});

test('sls jobs retry and cancel show the old and the new state', async () => {
  const engine = await someJobs();

  const cancelled = await command(engine, 'jobs cancel', { id: jobId(5) });
  const reopened = await command(engine, 'jobs retry', { id: jobId(5) });
  const retried = await command(engine, 'jobs retry', { id: jobId(2) });

  expect(cancelled.lines).toEqual([`sample ${jobId(5)}: was queued, is cancelled (operator).`]);
  expect(reopened.lines).toEqual([`sample ${jobId(5)}: was cancelled (operator), is open again with its old message.`]);
  expect(retried.lines).toEqual([
    expect.stringMatching(new RegExp(`^sample ${jobId(2)}: was dead \\(error\\), sent as message [0-9a-f-]{36}\\.$`)),
  ]);
});

test('sls jobs settle shows the new state of the job, and accepts only done or skipped', async () => {
  const engine = await someJobs();
  const unknown = { status: 'unknown' as const, startedAt: 1 };
  await engine.deps.ledger.update(`sample#${jobId(3)}`, (row) => ({
    ...row,
    reason: 'unknown',
    steps: { effect: unknown },
  }));
  const options = { id: jobId(3), step: 'effect' };

  await expect(command(engine, 'jobs settle', { ...options, as: 'lost' })).rejects.toThrow(
    '--as must be one of done, skipped, is lost',
  );
  const { lines } = await command(engine, 'jobs settle', { ...options, as: 'done' });

  expect(lines).toEqual([`sample ${jobId(3)}: effect is done, the job is queued.`]);
});
