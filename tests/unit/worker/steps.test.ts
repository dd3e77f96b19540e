import * as z from 'zod';
import { AmbiguousError } from '../../../lib/errors';
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
  const see = (engine: ReturnType<typeof start>, event: string) =>
    engine.deps.ledger.update(engine.row(jobId(1)).key, (row) => ({
      ...row,
      evidence: { send: { at: engine.clock.now(), event } },
    }));

  test('is done if the evidence came while it ran', async () => {
    const engine: ReturnType<typeof start> = start(async () => {
      await see(engine, 'processed');
      return lost();
    });

    await engine.drain({ hours: 1 });

    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result: 'seen as processed' });
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
