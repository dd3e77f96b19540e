import { reconcilerKey } from '../../../lib/jobs/keys';
import { sampleEngine } from '../../support/sample-contract';

/** Starts a run while another one holds the lease for this long. */
async function beginBeside(heldMs: number) {
  const { engine } = sampleEngine();
  const until = engine.clock.now() + heldMs;
  await engine.table.put({ key: reconcilerKey, version: 1, writer: '', holder: 'another', until }, 0);
  await engine.reconcile();
  return engine.metrics.filter(({ name }) => name === 'ReconcilerRuns').length;
}

test('a run that begins some seconds before the last one ends waits for it', async () => {
  expect(await beginBeside(3_000)).toBe(1);
});

test('a run that begins while another one is running leaves everything to it', async () => {
  expect(await beginBeside(40_000)).toBe(0);
});
