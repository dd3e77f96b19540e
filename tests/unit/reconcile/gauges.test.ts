import { WaitError } from '../../../lib/errors';
import { envelope, jobId, type memoryEngine } from '../../support/engine';
import { SAMPLE_QUEUE, sampleEngine } from '../../support/sample-contract';

type Engine = ReturnType<typeof memoryEngine>;
const MINUTE = 60_000;
const last = ({ metrics }: Engine, name: string, queue: string) =>
  metrics.findLast((metric) => metric.name === name && metric.dimensions.queue === queue)?.value;

test('a paused job does not count, because an operator decides when it goes on', async () => {
  const { engine } = sampleEngine(() => {
    throw new WaitError({ code: 'NoSlot', message: 'no slot', waitMs: 10 * MINUTE });
  });
  await engine.sendAndDeliver(envelope());
  await engine.deps.ledger.update(engine.row(jobId(1)).key, (row) => ({ ...row, reason: 'paused' }));
  engine.clock.advance(MINUTE);

  await engine.reconcile();

  expect(last(engine, 'OldestHeld', SAMPLE_QUEUE)).toBe(0);
});
