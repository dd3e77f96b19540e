import type { CommandContext } from '../../../lib/cli/command';
import type { CommandName } from '../../../lib/cli/commands';
import { runs } from '../../../lib/cli/runs';
import { PermanentError } from '../../../lib/errors';
import type { Bulk } from '../../../lib/ops/bulk';
import { anEnvelope, jobId, memoryEngine } from '../../support/engine';
import { recordingOutput, targetContext } from '../../support/operator';
import { sampleContract } from '../../support/sample-contract';

/** Jobs 1 and 2 were rejected, job 3 forbidden. */
async function deadJobs() {
  const { contract } = sampleContract(({ id }) => {
    throw new PermanentError({ code: id === jobId(3) ? 'NotAllowed' : 'Rejected', message: 'refused' });
  });
  const engine = memoryEngine(() => contract);
  for (const n of [1, 2, 3]) engine.send(JSON.stringify(anEnvelope({ id: jobId(n) })));
  await engine.deliver();
  return engine;
}

async function run(
  { deps }: Awaited<ReturnType<typeof deadJobs>>,
  name: CommandName,
  { options, answer }: { options: CommandContext['options']; answer?: string },
) {
  const { out, recorded } = recordingOutput(answer);
  await runs[name]({ ...targetContext, options, out, reader: async () => deps, operator: async () => deps });
  return recorded;
}

const sent = (engine: Awaited<ReturnType<typeof deadJobs>>) => engine.inQueue();
const stored = ({ table }: Awaited<ReturnType<typeof deadJobs>>) =>
  table.items().filter(({ key }) => key.startsWith('bulk#')) as Bulk[];

test('sls jobs retry with a filter shows what it will touch, asks, and retries', async () => {
  const engine = await deadJobs();

  const { lines, notes, progress } = await run(engine, 'jobs retry', { options: { code: 'Rejected' }, answer: 'yes' });

  expect(lines).toEqual([
    'QUEUE   STATE         ERROR     JOBS',
    'sample  dead (error)  Rejected  2',
    '2 of 2 jobs retried.',
  ]);
  expect(notes).toEqual(['2 jobs will be retried, 20 a second, in about 1 second. Type yes to begin: ']);
  expect(progress).toMatchObject([{ total: 2, done: [0, 2], stopped: true }]);
  expect(sent(engine)).toBe(2);
});

test('without a yes nothing is changed, and the bulk action can begin later', async () => {
  const engine = await deadJobs();

  const asked = await run(engine, 'jobs retry', { options: { state: 'dead', queue: 'sample' } });
  const before = sent(engine);
  const [bulk] = stored(engine);
  const listed = await run(engine, 'bulk list', { options: {} });
  const began = await run(engine, 'bulk continue', { options: { id: bulk?.id, yes: true } });

  expect(asked.lines.at(-1)).toBe(`Nothing was changed. The bulk action ${bulk?.id} is kept.`);
  expect(asked.notes.at(-1)).toContain(`sls bulk continue ${bulk?.id} --yes --stage prod`);
  expect(before).toBe(0);
  expect(listed.lines[1]).toMatch(/retry {3}ready {3}0 of 3/);
  expect(began.lines).toEqual(['3 of 3 jobs retried.']);
  expect(sent(engine)).toBe(3);
  await expect(run(engine, 'bulk continue', { options: { id: bulk?.id } })).rejects.toThrow(
    'This bulk action is done: 3 of 3 jobs retried.',
  );
});

test('a stop is stored and said', async () => {
  const engine = await deadJobs();
  await run(engine, 'dlq discard', { options: { code: 'Rejected' } });
  const [bulk] = stored(engine);

  const { lines } = await run(engine, 'bulk stop', { options: { id: bulk?.id } });

  expect(lines).toEqual(['0 of 2 jobs discarded, stopped.']);
  expect(stored(engine)).toMatchObject([{ status: 'stopped' }]);
});

test('jobs that cannot be changed are named, and the exit code is 1', async () => {
  const engine = await deadJobs();
  for (const key of engine.objects.keys()) if (key.includes('_bodies')) await engine.objects.delete(key);
  for (const { receiptHandle } of await engine.deps.queues.receive(engine.deps.dlqUrl('sample'), {
    max: 10,
    visibilitySeconds: 9,
  }))
    await engine.deps.queues.delete(engine.deps.dlqUrl('sample'), receiptHandle);

  const { lines, notes, exitCode } = await run(engine, 'jobs retry', { options: { code: 'NotAllowed', yes: true } });

  expect(lines.at(-1)).toBe('0 of 1 job retried, 1 refused.');
  expect(notes[0]).toMatch(
    new RegExp(`^${jobId(3)}: .*its body is gone.*: npx sls jobs retry ${jobId(3)} --body FILE --stage`),
  );
  expect(exitCode).toBe(1);
});

test('a dry run shows what it would touch, and stores and sends nothing', async () => {
  const engine = await deadJobs();

  const { lines } = await run(engine, 'jobs retry', { options: { code: 'Rejected', 'dry-run': true } });

  expect(lines.at(-1)).toBe('2 jobs would be retried.');
  expect([sent(engine), stored(engine)]).toEqual([0, []]);
});

test.each<[CommandName, CommandContext['options'], string]>([
  ['jobs retry', {}, 'Give an ID, or a filter'],
  ['jobs cancel', { id: jobId(1), code: 'Rejected' }, 'Give an ID or a filter, not both.'],
  ['jobs retry', { code: 'Rejectd' }, 'None of 3 jobs has this --code. The codes are NotAllowed, Rejected.'],
  ['jobs retry', { code: 'Rejected', rate: '101' }, '--rate must be at most 100'],
  [
    'dlq redrive',
    { queue: 'sample', code: 'Rejectd' },
    'None of 3 jobs has this --code. The codes are NotAllowed, Rejected.',
  ],
  ['bulk stop', { id: 'x' }, 'There is no bulk action x'],
])('sls %s with %j is refused', async (name, options, message) => {
  await expect(run(await deadJobs(), name, { options })).rejects.toThrow(message);
});

test('a filter that finds no job that the action takes says so', async () => {
  const { lines } = await run(await deadJobs(), 'jobs cancel', { options: { code: 'Rejected' } });

  expect(lines).toEqual(['No jobs.']);
});
