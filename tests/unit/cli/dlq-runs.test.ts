import { PermanentError, StoreError } from '../../../lib/errors';
import { anEnvelope, type EngineOptions, jobId, memoryEngine } from '../../support/engine';
import { command } from '../../support/operator';
import { sampleContract } from '../../support/sample-contract';

/** Jobs 1 to 4 are dead, the even ones of another code; after a `repair` all would succeed. */
async function deadJobs(options: EngineOptions = {}) {
  let broken = true;
  const { contract, effects } = sampleContract(({ id }) => {
    if (broken)
      throw new PermanentError({
        code: [jobId(2), jobId(4)].includes(id) ? 'Even' : 'Odd',
        message: 'rejected',
        field: 'data.name',
      });
  });
  const engine = memoryEngine(() => contract, options);
  for (const n of [1, 2, 3, 4]) engine.send(JSON.stringify(anEnvelope({ id: jobId(n) })));
  await engine.deliver();
  const repair = () => {
    broken = false;
  };
  return { engine, effects, repair };
}

test('sls dlq list tells why and how long, a line for each dead job', async () => {
  const { engine } = await deadJobs();
  await command(engine, 'dlq discard', { id: jobId(3) });

  const { lines } = await command(engine, 'dlq list', { queue: 'sample' });
  const { json } = await command(engine, 'dlq list', { json: true });

  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/^ID +QUEUE +REASON +CODE +FIELD +SINCE \(UTC\) +EXPIRES$/);
  expect(lines[1]).toBe(`${jobId(1)}  sample  error   Odd   data.name  2026-01-02 03:04:05  2026-01-16 03:04:05`);
  expect(json).toMatchObject({
    entries: [{ id: jobId(1), error: { code: 'Odd' } }, { id: jobId(2) }, { id: jobId(4) }],
  });
});

test('an entry that has outlived the DLQ is not listed, whether the reconciler has noted it or not', async () => {
  const { engine } = await deadJobs();

  engine.clock.advance(14 * 86_400_000);

  expect((await command(engine, 'dlq list')).lines).toEqual(['No dead jobs.']);
});

test('sls dlq list of a queue without dead jobs says so', async () => {
  const engine = memoryEngine(() => sampleContract().contract);

  expect((await command(engine, 'dlq list')).lines).toEqual(['No dead jobs.']);
  expect((await command(engine, 'dlq redrive', { queue: 'sample' })).lines).toEqual(['No jobs.']);
});

test.each([
  [{ queue: 'sample', rate: '2' }, [1, 2, 3, 4], '4 of 4 jobs retried.'],
  [{ queue: 'sample', code: 'Even' }, [2, 4], '2 of 2 jobs retried.'],
  [{ id: jobId(3) }, [3], '1 job redriven.'],
])('sls dlq redrive %j does jobs %j in their order', async (options, expected, result) => {
  const { engine, effects, repair } = await deadJobs();

  repair();
  const { lines } = await command(engine, 'dlq redrive', options, 'yes');
  await engine.deliver();
  await engine.reconcile();

  expect(lines.at(-1)).toBe(result);
  expect(effects).toEqual(expected.map(jobId));
  expect(engine.deadLetters()).toHaveLength(4 - expected.length);
});

test('jobs that cannot be redriven hold up no others; each is named, and the exit code is 1', async () => {
  let sends = 0;
  let down = false;
  const { engine, effects, repair } = await deadJobs({
    before: (call) => {
      if (down && call === 'queues.send' && ++sends === 2)
        throw new StoreError({ code: 'SQS.Throttled', message: 'SQS SendMessage failed: Throttled' });
    },
  });

  repair();
  down = true;
  const { lines, notes, exitCode } = await command(engine, 'dlq redrive', { queue: 'sample', yes: true });
  await engine.deliver();

  expect(lines.at(-1)).toBe('3 of 4 jobs retried, 1 refused.');
  expect(notes).toEqual([`${jobId(2)}: SQS SendMessage failed: Throttled`]);
  expect(exitCode).toBe(1);

  expect(effects).toEqual([1, 3, 4].map(jobId));
});

test('sls dlq redrive of nothing in particular is refused', async () => {
  const { engine } = await deadJobs();

  await expect(command(engine, 'dlq redrive')).rejects.toThrow('Either --queue or --id must be given');
});

test('sls dlq redrive of a queue is a stored plan that shows what it will touch, asks, and can be continued', async () => {
  const { engine, effects, repair } = await deadJobs();
  await command(engine, 'dlq discard', { id: jobId(3) });

  repair();
  const { lines } = await command(engine, 'dlq redrive', { queue: 'sample' });
  const [plan] = engine.table.items().filter(({ key }) => key.startsWith('bulk#'));
  const before = engine.inQueue();
  await command(engine, 'bulk continue', { id: String(plan?.id) });
  await engine.deliver();

  expect(lines).toContain(`Nothing was changed. The bulk action ${plan?.id} is kept.`);
  expect(before).toBe(0);
  expect(effects).toEqual([1, 2, 4].map(jobId));
});

test.each(['dlq redrive', 'dlq discard'] as const)(
  'sls %s of a queue leaves alone dead jobs whose entry has outlived the DLQ',
  async (name) => {
    const { engine } = await deadJobs();

    engine.clock.advance(14 * 86_400_000);

    expect((await command(engine, name, { queue: 'sample', yes: true })).lines).toEqual(['No jobs.']);
  },
);
