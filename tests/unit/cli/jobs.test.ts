import { PermanentError, StopError, WaitError } from '../../../lib/errors';
import { acceptedRow } from '../../support/accepted-row';
import { anEnvelope, jobId, memoryEngine } from '../../support/engine';
import { command } from '../../support/operator';
import { sampleContract } from '../../support/sample-contract';

const MINUTE = 60_000;
const HOUR = '2026-01-02T03';

/** Job 1 succeeded, 2 is dead, 3 throttled, 4 stopped, 5 queued. */
async function someJobs() {
  const { contract } = sampleContract(({ id }) => {
    if (id === jobId(2)) throw new PermanentError({ code: 'Rejected', message: 'rejected', field: 'data.name' });
    if (id === jobId(3))
      throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: 5 * MINUTE });
    if (id === jobId(4)) throw new StopError({ code: 'AgreementMissing', message: '403', vendor: 'zendesk' });
    return { ticket: 7 };
  });
  const engine = memoryEngine(() => contract);
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
    [{ state: 'queued' }, [5]],
    [{ from: HOUR }, [1, 2, 3, 4, 5]],
    [{ from: HOUR, state: 'succeeded' }, [1]],
    [{ from: '2026-01-02T02', to: HOUR }, []],
    [{ queue: 'sample', limit: '2' }, [2, 3]],
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

describe('sls jobs list with a search', () => {
  test('says where it looked, and shows its progress', async () => {
    const { json, notes, progress } = await command(await someJobs(), 'jobs list', { code: 'Rejected', json: true });

    expect(ids({ json })).toEqual([jobId(2)]);
    expect(notes).toEqual([
      '4 jobs looked at. Only jobs that wait or are dead were searched. Give a first hour to search ended ones too.',
    ]);
    expect(progress.at(-1)?.[0]).toBe(progress.at(-1)?.[1]);
  });

  test('with --limit it says that there are more', async () => {
    const { json, notes } = await command(await someJobs(), 'jobs list', { from: HOUR, limit: '2', json: true });

    expect(json).toMatchObject({ more: true, jobs: [{}, {}] });
    expect(notes[1]).toBe('There are more jobs. Narrow the search, or raise --limit.');
  });

  test('that finds nothing is no error', async () => {
    expect((await command(await someJobs(), 'jobs list', { code: 'Rejectd' })).lines).toEqual(['No jobs.']);
  });

  test.each([
    [{ key: 'order-7' }, 'No job of the system has this key.'],
    [{ 'job-reason': 'ded' }, '--job-reason must be one of'],
    [{ state: 'ded' }, '--state must be one of queued, processing, held, succeeded, dead, cancelled, is ded'],
    [{ state: 'succeeded' }, 'Jobs that are succeeded can only be found by their hours'],
    [{ from: '2026-01-02T04', to: '2026-01-02T03' }, '--from must be before --to'],
  ])('%j is an error', async (options, message) => {
    await expect(command(await someJobs(), 'jobs list', options)).rejects.toThrow(message);
  });
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
  });

  test('an unknown job or queue is named in the error', async () => {
    await expect(command(await someJobs(), 'jobs show', { id: 'x' })).rejects.toThrow('There is no job x in sample');
    await expect(command(await someJobs(), 'jobs show', { id: 'x', queue: 'other' })).rejects.toThrow(
      'There is no queue other. --queue must be one of sample',
    );
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
