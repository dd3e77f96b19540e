import { sendCanaries, showCanaries } from '../../../lib/cli/live-check';
import { memoryEngine } from '../../support/engine';
import { recordingOutput, targetContext } from '../../support/operator';
import { SAMPLE_QUEUE, sampleContract } from '../../support/sample-contract';

/** An engine whose worker runs while the command waits. `works`: whether it does. */
function start({ works = true } = {}) {
  const { contract, effects } = sampleContract();
  const engine = memoryEngine(() => contract);
  const { clock } = engine.deps;
  const sleep = async (ms: number) => {
    engine.clock.advance(ms);
    if (works) await engine.deliver();
  };
  const { out, recorded } = recordingOutput();
  const operator = async () => ({ ...engine.deps, clock: { now: clock.now, sleep } });
  return { engine, effects, recorded, context: { ...targetContext, out, operator } };
}

test('a canary goes through each queue to its end, and calls no vendor', async () => {
  const { engine, effects, recorded, context } = start();

  showCanaries(context, await sendCanaries(context));

  const [canary] = engine.canaries();
  expect(recorded.lines).toEqual([
    expect.stringMatching(/^QUEUE +ID +STATE +SECONDS$/),
    expect.stringMatching(new RegExp(`^${SAMPLE_QUEUE} +${canary?.id} +succeeded +\\d+\\.\\d$`)),
  ]);
  expect(canary).toMatchObject({ state: 'succeeded', canary: true });
  expect(effects).toEqual([]);
});

test('a canary that does not end in two minutes is an error that says which log to read', async () => {
  const { context } = start({ works: false });

  const canaries = await sendCanaries(context);

  expect(canaries).toMatchObject([{ queue: SAMPLE_QUEUE, state: 'queued' }]);
  expect(() => showCanaries(context, canaries)).toThrow(
    expect.objectContaining({
      message: `1 canary did not succeed in two minutes. See the log of ${SAMPLE_QUEUE}:`,
      next: `logs -f ${SAMPLE_QUEUE} --startTime 10m`,
    }),
  );
});
