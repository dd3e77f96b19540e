import { WaitError } from '../../../lib/errors';
import { envelope, jobId, type memoryEngine } from '../../support/engine';
import { SAMPLE_QUEUE, sampleEngine } from '../../support/sample-contract';

type Engine = ReturnType<typeof memoryEngine>;
const MINUTE = 60_000;
const about = { message: 'no', vendor: 'zendesk' } as const;
const last = ({ metrics }: Engine, name: string, queue: string) =>
  metrics.findLast((metric) => metric.name === name && metric.dimensions.queue === queue)?.value;

test('the oldest held job is measured over all its holds, and the gauge is 0 if no job is held', async () => {
  let throttled = true;
  const { engine } = sampleEngine(() => {
    if (throttled) throw new WaitError({ ...about, code: 'Throttled', status: 429, waitMs: 10 * MINUTE });
  });
  await engine.sendAndDeliver(envelope());
  engine.clock.advance(10 * MINUTE);
  await engine.reconcile();
  await engine.deliver();
  engine.clock.advance(5 * MINUTE);

  await engine.reconcile();
  const whileHeld = last(engine, 'OldestHeld', SAMPLE_QUEUE);
  throttled = false;
  engine.clock.advance(5 * MINUTE);
  await engine.reconcile();
  await engine.deliver();
  await engine.reconcile();

  expect(whileHeld).toBe(15 * MINUTE);
  expect(last(engine, 'OldestHeld', SAMPLE_QUEUE)).toBe(0);
});

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

test.each(['OutsideWindow', 'DailyCapReached'])('a chunk that waits with %s does not count', async (code) => {
  const { engine } = sampleEngine(() => {
    throw new WaitError({ code, message: 'not now', waitMs: 10 * MINUTE });
  });
  await engine.sendAndDeliver(envelope());
  engine.clock.advance(MINUTE);

  await engine.reconcile();

  expect(last(engine, 'OldestHeld', SAMPLE_QUEUE)).toBe(0);
});
