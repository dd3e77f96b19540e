import { anEnvelope, jobId } from '../../support/engine';
import { inState } from '../../support/in-state';
import { rejects, sampleEngine } from '../../support/sample-contract';

test('an end counts although a copy of the message opens the job again before the worker reports it', async () => {
  const { engine } = sampleEngine(rejects);
  const { update } = engine.deps.ledger;
  engine.deps.ledger.update = async (key, change, known) => {
    engine.deps.ledger.update = update;
    await update(key, (row) => ({ ...row, state: inState('queued'), generation: row.generation + 1 }));
    return update(key, change, known);
  };

  await engine.sendAndDeliver(JSON.stringify(anEnvelope()));

  expect(engine.row(jobId(1)).state).toBe('queued');
  expect(engine.metrics).toContainEqual(expect.objectContaining({ name: 'JobsDead', value: 1 }));
});
