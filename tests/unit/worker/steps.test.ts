import * as z from 'zod';
import { AmbiguousError, TransientError } from '../../../lib/errors';
import { envelope, jobId, memoryEngine } from '../../support/engine';
import { sampleOf } from '../../support/sample-contract';

/** A queue with one step that its vendor cannot be asked about. The test decides what the step does. */
function start(run: () => Promise<string>, first: () => void = () => {}) {
  const contract = sampleOf({
    schema: z.strictObject({}),
    process: async (_job, { steps }) => {
      first();
      return steps.step('send', { run, proven: ({ event }) => `seen as ${event}` });
    },
  });
  const engine = memoryEngine(() => contract);
  engine.send(envelope());
  return engine;
}

describe('an unknown step', () => {
  const lost = () => Promise.reject(new AmbiguousError({ code: 'Timeout', message: 'no answer' }));
  const see = (engine: ReturnType<typeof start>, event: string, ageMs = 0) =>
    engine.deps.ledger.update(engine.row(jobId(1)).key, (row) => ({
      ...row,
      evidence: { send: { at: engine.clock.now() - ageMs, event } },
    }));

  test('is done if the evidence came while it ran', async () => {
    const engine: ReturnType<typeof start> = start(async () => {
      await see(engine, 'processed');
      return lost();
    });

    await engine.drain({ hours: 1 });

    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result: 'seen as processed' });
  });

  test.each([
    [60_000, 'seen as processed'],
    [30 * 60_000, 'sent'],
  ])('needs evidence that is not older than the first run: %i ms', async (ageMs, result) => {
    let runs = 0;
    const engine = start(
      async () => 'sent',
      () => {
        if (runs++ < 3) throw new TransientError({ code: 'Later', message: 'later' });
      },
    );
    await engine.deliver();
    await see(engine, 'processed', ageMs);

    await engine.drain({ hours: 1 });

    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result });
  });

  test('is not repeated if the evidence contradicts a refusal', async () => {
    let calls = 0;
    const engine: ReturnType<typeof start> = start(async () => {
      calls += 1;
      await see(engine, 'processed');
      throw new Error('refused, it says');
    });

    await engine.drain({ hours: 1 });

    expect(engine.row(jobId(1)).state).toBe('succeeded');
    expect(calls).toBe(1);
  });
});
