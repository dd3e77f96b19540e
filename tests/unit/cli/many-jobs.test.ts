import { StoreError, WaitError } from '../../../lib/errors';
import { mayTouch } from '../../../lib/ops/many';
import type { Options } from '../../../packages/cli/command';
import { type CommandName, commands } from '../../../packages/cli/commands';
import { anEnvelope, type EngineOptions, jobId, memoryEngine } from '../../support/engine';
import { command, contextOf, recordingOutput } from '../../support/operator';
import { rejects, sampleContract } from '../../support/sample-contract';

const MINUTE = 60_000;
const RETRY = { code: 'Rejected', yes: true };

/** Jobs of two groups. `fixed`: from now on they succeed. */
async function someJobs(count: number, options: EngineOptions = {}, kind: 'dead' | 'held' = 'dead') {
  let isFixed = false;
  const { contract, effects } = sampleContract(() => {
    if (isFixed) return;
    if (kind === 'held')
      throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: 3_600_000 });
    rejects();
  });
  const engine = memoryEngine(() => contract, options);
  for (let n = 1; n <= count; n++)
    engine.send(JSON.stringify(anEnvelope({ id: jobId(n) })), { group: `g${n % 2}`, deduplication: jobId(n) });
  await work(engine);
  engine.clock.advance(MINUTE);
  /** While the command sleeps, the worker runs. */
  const slept: number[] = [];
  const working = (ms: number) => {
    slept.push(ms);
    engine.clock.advance(ms);
    return work(engine);
  };
  const deps = { ...engine.deps, clock: { ...engine.deps.clock, sleep: working } };
  const run = (name: CommandName, given: Options, answer?: string) => command({ deps }, name, given, answer);
  const fixed = () => {
    isFixed = true;
  };
  return { engine, deps, run, fixed, effects, slept };
}

async function work(engine: ReturnType<typeof memoryEngine>): Promise<void> {
  for (let event = engine.receive(); event.Records.length > 0; event = engine.receive()) await engine.handle(event);
}

const generations = ({ engine }: Awaited<ReturnType<typeof someJobs>>) =>
  engine.rows().map(({ generation }) => generation);

test('a retry of many shows its jobs, asks, takes 20 jobs a second, and prints the outcomes', async () => {
  const made = await someJobs(46);
  made.fixed();
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

test.each([
  ['another answer', 'no', undefined],
  ['no terminal', undefined, 'There is no terminal to ask on. Nothing was changed. Add --yes.'],
])('%s changes nothing', async (_, answer, refusal) => {
  const made = await someJobs(2);
  const writes = made.engine.table.writes();

  const run = made.run('jobs retry', { code: 'Rejected' }, answer);

  if (refusal) await expect(run).rejects.toThrow(refusal);
  else expect((await run).lines.at(-1)).toBe('Nothing was changed.');
  expect(made.engine.table.writes()).toBe(writes);
});

test('Ctrl-C stops after the jobs of the second, and the same command goes on', async () => {
  const made = await someJobs(45);
  made.fixed();
  const stop = new AbortController();
  const { out, recorded } = recordingOutput();
  const stopping = { ...out, interrupted: () => stop.signal, progress: () => stop.abort() };

  await commands['jobs retry'].run(contextOf(made.deps, RETRY, stopping));
  const rest = await made.run('jobs retry', RETRY);

  expect(recorded.lines.at(-1)).toBe('20 of 45 jobs retried, stopped: run the command again to go on.');
  expect(rest.lines).toContain('25 of 25 jobs retried.');
  expect(generations(made)).toEqual(Array(45).fill(2));
  expect(made.effects).toHaveLength(45);
});

test('a job that was retried and has not started yet is not retried again', async () => {
  const made = await someJobs(2);
  await made.run('jobs retry', { id: jobId(1) });
  made.engine.clock.advance(10 * MINUTE);
  const began = made.engine.clock.now();

  expect(made.engine.rows().map((row) => mayTouch('retry', row, began))).toEqual([false, true]);
});

test('held jobs can be cancelled together, and one that ended after the question is refused', async () => {
  const made = await someJobs(3, {}, 'held');
  const { out, recorded } = recordingOutput();
  const ask = async () => {
    await made.run('jobs cancel', { id: jobId(2) });
    return 'yes';
  };

  await commands['jobs cancel'].run(contextOf(made.deps, { state: 'held' }, { ...out, ask }));

  expect(recorded.lines.at(-1)).toBe('2 of 3 jobs cancelled, 1 refused.');
  expect(recorded.notes).toEqual([`${jobId(2)}: it has changed, and is cancelled (operator)`]);
  expect(recorded.exitCode).toBe(1);
});

test('if a queue or the table fails, the command stops and says how far it is', async () => {
  let calls = 0;
  const made = await someJobs(45, {
    before: (call) => {
      if (call === 'queues.send' && ++calls > 65) throw new StoreError({ code: 'SQS.Throttled', message: 'throttled' });
    },
  });

  await expect(made.run('jobs retry', RETRY)).rejects.toThrow(
    /^throttled\. \d+ of 45 jobs are done\. Run the command again to go on\.$/,
  );
});

test('no filter and one beside an ID are refused, and one that no job fits says where it looked', async () => {
  const { run } = await someJobs(2);
  const { lines, notes } = await run('jobs retry', { code: 'Rejectd' });

  expect(lines).toEqual(['No jobs.']);
  expect(notes).toEqual([expect.stringMatching(/^2 jobs read\. Only jobs that wait or are dead/)]);
  await expect(run('jobs retry', {})).rejects.toThrow('Give an ID, or a filter such as --code');
  await expect(run('jobs retry', { id: jobId(1), code: 'Rejected' })).rejects.toThrow(
    'Give an ID or a filter, not both',
  );
});

test('unknown steps can be settled together: only of jobs that wait for it, after a preview and a question', async () => {
  const made = await someJobs(3);
  const { deps, engine } = made;
  for (const n of [1, 2]) {
    const row = engine.row(jobId(n));
    const send = { status: 'unknown' as const, startedAt: 1, endedAt: 2 };
    await deps.ledger.update(row.key, ({ endedAt: _endedAt, ...stored }) => ({
      ...({ ...stored, state: 'held', reason: 'unknown', bodyKept: true } as unknown as typeof stored),
      steps: { [n === 1 ? 'send' : 'other']: send },
    }));
  }
  const settle = { step: 'send', as: 'done', queue: 'sample' };

  const refused = await made.run('jobs settle', settle, 'no');
  const { lines, notes, exitCode } = await made.run('jobs settle', settle, 'yes');

  expect(refused.lines.slice(1)).toEqual([expect.stringMatching(/held \(unknown\).* 2$/), 'Nothing was changed.']);
  expect(lines.at(-1)).toBe('1 of 2 jobs settled, 1 refused.');
  expect(notes.at(-1)).toBe(`${jobId(2)}: ${jobId(2)} has no unknown step send. --step must be other.`);
  expect(exitCode).toBe(1);
  expect(engine.row(jobId(1))).toMatchObject({ evidence: { send: { event: 'operator' } } });
});
