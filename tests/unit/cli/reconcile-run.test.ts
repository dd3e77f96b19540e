import { recordKey } from '../../../lib/jobs/keys';
import { anEnvelope, jobId, memoryEngine, PREFIX } from '../../support/engine';
import { command } from '../../support/operator';
import { sampleContract } from '../../support/sample-contract';

async function oneJob() {
  const engine = memoryEngine(() => sampleContract().contract);
  engine.send(JSON.stringify(anEnvelope()));
  await engine.deliver();
  engine.clock.advance(10 * 60_000);
  const key = recordKey(PREFIX, engine.row(jobId(1)));
  return { engine, key };
}

test('without differences, it says so for the hours of the last day', async () => {
  const { engine } = await oneJob();

  const { lines, exitCode, progress } = await command(engine, 'reconcile');

  expect(lines).toEqual([
    'sample, 2026-01-01T03 to 2026-01-02T04 (UTC)',
    '  1 ended row, 1 record; 0 live rows',
    '  0 dead rows in the DLQ, 0 entries',
    '  No differences.',
  ]);
  expect(exitCode).toBeUndefined();
  expect(progress).toMatchObject([{ stopped: true }]);
});

test('the exit code is 2 if there is a difference, but not after a repair of all', async () => {
  const { engine, key } = await oneJob();
  await engine.objects.delete(key);

  const found = await command(engine, 'reconcile', { from: '2026-01-02T03' });
  const json = await command(engine, 'reconcile', { from: '2026-01-02T03', to: '2026-01-02T04', json: true });
  const repaired = await command(engine, 'reconcile', { repair: true });

  expect(found.lines.slice(-2)).toEqual(['  1 difference:', `    record-missing  ${jobId(1)}  ${key}`]);
  expect([found.exitCode, json.exitCode, repaired.exitCode]).toEqual([2, 2, undefined]);
  expect(json.json).toMatchObject({
    audits: [{ queue: 'sample', from: '2026-01-02T03:00:00.000Z', differences: [{ kind: 'record-missing', key }] }],
  });
  expect(repaired.lines.slice(-2)).toEqual(['  1 difference repaired', '  No differences.']);
});

test.each([
  [{ from: '2025-11-01T00' }, '--from must be within the last 45 days'],
  [{ from: '2026-01-02T03', to: '2026-01-02T03' }, '--from must be in the past and before --to'],
  [{ from: '2027-01-02T03' }, '--from must be in the past and before --to'],
  [{ from: 'now' }, '--from must be an hour in UTC'],
  [{ queue: 'other' }, 'There is no queue other'],
])('%j is refused', async (options, says) => {
  const { engine } = await oneJob();

  await expect(command(engine, 'reconcile', options)).rejects.toThrow(says);
});
